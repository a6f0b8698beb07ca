/* The entry point: the platform starts the image with one argument, train or serve. */

#include "algorithm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *below_opt_ml(const char *path) {
    static char whole[LONGEST_PATH];
    const char *root = getenv("SAGEMAKER_BASE_DIR"); /* for test.sh */
    snprintf(whole, sizeof whole, "%s/%s", root ? root : "/opt/ml", path);
    return whole;
}

char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    char *text = NULL;
    size_t length = 0, room = 0;
    do {
        if (length + 1 >= room)
            text = realloc(text, room = 2 * room + 65536);
        if (text == NULL)
            break;
        length += fread(text + length, 1, room - length - 1, file);
    } while (!feof(file) && !ferror(file));
    fclose(file);
    if (text != NULL)
        text[length] = '\0';
    return text;
}

int main(int count, char **arguments) {
    /* Without this, lines that go into a pipe wait for kilobytes of others, and metrics come late. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(arguments[1], "train") == 0)
        return train();
    if (count == 2 && strcmp(arguments[1], "serve") == 0)
        return serve();
    fprintf(stderr, "usage: algorithm train|serve\n");
    return 2;
}
