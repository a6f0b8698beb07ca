/* `train`: from the config files and channels to a model, or to a failure file and an exit code that is not 0.
 *
 * Channels `training` and `validation`: CSV files without a header, the label first, then the features.
 * Hyperparameters: epochs, learning_rate, weight_decay. Any other is ignored. */

#define _XOPEN_SOURCE 700

#include "algorithm.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Set by SIGTERM, with which the platform stops a job; it kills it 120 seconds later. */
static volatile sig_atomic_t is_stopped = 0;

static void stop(int number) {
    (void)number;
    is_stopped = 1;
}

/* A reason in the log and in the failure file: the job is Failed, with this reason. */
static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...) {
    char reason[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(reason, sizeof reason, format, values);
    va_end(values);
    fprintf(stderr, "%s\n", reason);
    FILE *file = fopen(below_opt_ml("output/failure"), "w");
    if (file != NULL) {
        fprintf(file, "%s\n", reason);
        fclose(file);
    }
    exit(1);
}

/* A hyperparameter that is a number of at least 0. On the wire all are texts, some with JSON's quotes around them. */
static double number(const json_t *hyperparameters, const char *name, double otherwise) {
    const json_t *value = json_object_get(hyperparameters, name);
    if (value == NULL)
        return otherwise;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    char *end;
    double found = strtod(text + (*text == '"'), &end);
    if (end == text || (*end != '\0' && strcmp(end, "\"") != 0) || !isfinite(found) || found < 0)
        fail("%s='%.80s' is no number of at least 0", name, text);
    return found;
}

static json_t *read_hyperparameters(void) {
    json_error_t error;
    json_t *found = json_load_file(below_opt_ml("input/config/hyperparameters.json"), 0, &error);
    if (!json_is_object(found))
        fail("hyperparameters.json cannot be read: %s", error.text);
    return found;
}

static struct rows rows;

static int add_file(const char *path, const struct stat *file, int kind, struct FTW *place) {
    (void)place;
    const char *ending = strrchr(path, '.');
    if (kind != FTW_F || file->st_size == 0 || ending == NULL || strcmp(ending, ".csv") != 0)
        return 0;
    char *text = read_file(path);
    const char *wrong = text == NULL ? strerror(errno) : add_csv(&rows, text);
    free(text);
    if (wrong != NULL)
        fail("%s: %s", path, wrong);
    return 0;
}

static struct rows read_channel(const char *name) {
    char path[100];
    struct stat folder;
    snprintf(path, sizeof path, "input/data/%s", name);
    if (stat(below_opt_ml(path), &folder) != 0 || !S_ISDIR(folder.st_mode))
        fail("the job needs a channel called %s, in File or FastFile mode", name);
    rows = (struct rows){0};
    if (nftw(below_opt_ml(path), add_file, 16, FTW_PHYS) != 0)
        fail("channel %s cannot be read: %s", name, strerror(errno));
    if (rows.count == 0 || rows.columns < 2)
        fail("channel %s has no .csv file with a label and features in it", name);
    return rows;
}

int train(void) {
    /* Before anything else: process 1 of a container gets no signal that it has installed nothing for. */
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    json_t *hyperparameters = read_hyperparameters();
    double epochs = number(hyperparameters, "epochs", 30);
    double rate = number(hyperparameters, "learning_rate", 0.1);
    double decay = number(hyperparameters, "weight_decay", 0);
    struct rows training = read_channel("training"), validation = read_channel("validation");
    if (validation.columns != training.columns)
        fail("the rows of channel training have %zu values, those of validation %zu", training.columns,
             validation.columns);

    static struct model model;
    begin(&model, &training);
    int epoch = 0;
    while (epoch < epochs && !is_stopped) {
        descend(&model, &training, rate, decay);
        double error = root_mean_squared_error(&model, &validation);
        epoch++;
        if (!isfinite(error))
            fail("the error became %g in epoch %d: choose a smaller learning_rate than %g", error, epoch, rate);
        /* The tuning job finds its metric in this line, with the regular expression of its MetricDefinitions. */
        printf("[Epoch %d] validation: rmse=%.5f\n", epoch, error);
    }
    free_rows(&training);
    free_rows(&validation);
    json_decref(hyperparameters);
    mkdir(below_opt_ml("model"), 0755);
    const char *wrong = write_model(&model, below_opt_ml("model/model.csv"));
    if (wrong != NULL)
        fail("%s: %s", wrong, strerror(errno));
    printf("%safter %d epochs\n", is_stopped ? "stopped on request " : "", epoch);
    return 0;
}
