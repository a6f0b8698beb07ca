/* Linear regression by gradient descent. Labels and features are brought to a mean of 0 and a deviation of 1 first, so
 * that one learning rate suits them all. */

#include "algorithm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *add_value(struct rows *rows, double value) {
    size_t taken = rows->room;
    if (!isfinite(value))
        return "a value is no finite number";
    if (taken % 4096 == 0) {
        double *values = realloc(rows->values, (taken + 4096) * sizeof *values);
        if (values == NULL)
            return "there is not enough memory";
        rows->values = values;
    }
    rows->values[rows->room++] = value;
    return NULL;
}

/* Closes a row of which all values were added. */
static const char *end_row(struct rows *rows) {
    size_t columns = rows->room - rows->count * rows->columns;
    if (rows->count == 0)
        rows->columns = columns;
    if (columns == 0 || columns > MOST_COLUMNS)
        return "a row has no values, or more than a thousand";
    if (columns != rows->columns)
        return "not all rows have the same number of values";
    rows->count++;
    return NULL;
}

const char *add_csv(struct rows *rows, const char *text) {
    const char *wrong = NULL;
    while (wrong == NULL && *(text += strspn(text, "\r\n")) != '\0') {
        for (;;) {
            char *end;
            double value = strtod(text, &end);
            end += strspn(end, " \t\r");
            if (end == text || strchr(",\n", *end) == NULL) /* the end of the text counts as found */
                return "a value is no number; a header is not read";
            if ((wrong = add_value(rows, value)) != NULL)
                return wrong;
            text = *end == ',' ? end + 1 : end;
            if (*end != ',')
                break;
            if (*text == '\n' || *text == '\0')
                return "a row ends with a comma";
        }
        wrong = end_row(rows);
    }
    return wrong;
}

const char *add_instances(struct rows *rows, const json_t *instances) {
    const char *wrong = NULL;
    for (size_t i = 0; wrong == NULL && i < json_array_size(instances); i++) {
        const json_t *instance = json_array_get(instances, i);
        const json_t *values = json_is_object(instance) ? json_object_get(instance, "features") : instance;
        if (!json_is_array(values))
            return "an instance is no list of numbers";
        for (size_t j = 0; wrong == NULL && j < json_array_size(values); j++) {
            const json_t *value = json_array_get(values, j);
            wrong = json_is_number(value) ? add_value(rows, json_number_value(value)) : "a value is no number";
        }
        if (wrong == NULL)
            wrong = end_row(rows);
    }
    return wrong;
}

void free_rows(struct rows *rows) {
    free(rows->values);
    *rows = (struct rows){0};
}

void begin(struct model *model, const struct rows *rows) {
    model->columns = rows->columns;
    for (size_t j = 0; j < rows->columns; j++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < rows->count; i++)
            sum += rows->values[i * rows->columns + j];
        model->mean[j] = sum / rows->count;
        for (size_t i = 0; i < rows->count; i++)
            squares += pow(rows->values[i * rows->columns + j] - model->mean[j], 2);
        model->deviation[j] = squares > 0 ? sqrt(squares / rows->count) : 1;
        model->weight[j] = 0;
    }
}

double predict(const struct model *model, const double *features) {
    double total = 0;
    for (size_t j = 1; j < model->columns; j++)
        total += model->weight[j] * (features[j - 1] - model->mean[j]) / model->deviation[j];
    return model->mean[0] + model->deviation[0] * total;
}

void descend(struct model *model, const struct rows *rows, double rate, double decay) {
    double slope[MOST_COLUMNS] = {0};
    for (size_t i = 0; i < rows->count; i++) {
        const double *row = rows->values + i * rows->columns;
        double residual = (predict(model, row + 1) - row[0]) / model->deviation[0];
        for (size_t j = 1; j < model->columns; j++)
            slope[j] += residual * (row[j] - model->mean[j]) / model->deviation[j];
    }
    for (size_t j = 1; j < model->columns; j++)
        model->weight[j] -= rate * (slope[j] / rows->count + decay * model->weight[j]);
}

double root_mean_squared_error(const struct model *model, const struct rows *rows) {
    double squares = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const double *row = rows->values + i * rows->columns;
        squares += pow(predict(model, row + 1) - row[0], 2);
    }
    return sqrt(squares / rows->count);
}

const char *write_model(const struct model *model, const char *path) {
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return "the model cannot be written";
    for (size_t j = 0; j < model->columns; j++)
        fprintf(file, "%.17g,%.17g,%.17g\n", model->mean[j], model->deviation[j], model->weight[j]);
    fputs("end\n", file);
    bool is_whole = !ferror(file);
    return fclose(file) == 0 && is_whole ? NULL : "the model cannot be written";
}

const char *read_model(struct model *model, const char *path) {
    char *text = read_file(path);
    if (text == NULL)
        return "there is none";
    struct rows rows = {0};
    char *end = strstr(text, "end\n");
    if (end != NULL)
        *end = '\0';
    const char *wrong = end == NULL ? "it is cut off" : add_csv(&rows, text);
    free(text);
    if (wrong == NULL && (rows.columns != 3 || rows.count < 2 || rows.count > MOST_COLUMNS))
        wrong = "it is not three numbers for each of two or more columns";
    for (size_t j = 0; wrong == NULL && j < rows.count; j++) {
        model->mean[j] = rows.values[3 * j];
        model->deviation[j] = rows.values[3 * j + 1];
        model->weight[j] = rows.values[3 * j + 2];
    }
    model->columns = rows.count;
    free_rows(&rows);
    return wrong;
}
