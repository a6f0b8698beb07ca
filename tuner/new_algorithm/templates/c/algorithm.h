/* Linear regression by the SageMaker container contract: what its four files know of each other. */

#ifndef ALGORITHM_H
#define ALGORITHM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { MOST_COLUMNS = 1000, LONGEST_PATH = 4096 };

/* Numbers in rows that all have the same columns, one row after the other. In training the label is the first. */
struct rows {
    size_t count, columns, room;
    double *values;
};

/* A mean, a deviation and a weight for the label (where the weight is not used) and for each feature. */
struct model {
    size_t columns;
    double mean[MOST_COLUMNS], deviation[MOST_COLUMNS], weight[MOST_COLUMNS];
};

/* regression.c: the algorithm. What can go wrong returns NULL, or a text that says what it is. */
const char *add_csv(struct rows *rows, const char *text);
const char *add_instances(struct rows *rows, const json_t *instances);
void free_rows(struct rows *rows);
void begin(struct model *model, const struct rows *rows);
void descend(struct model *model, const struct rows *rows, double rate, double decay);
double root_mean_squared_error(const struct model *model, const struct rows *rows);
double predict(const struct model *model, const double *features);
const char *write_model(const struct model *model, const char *path);
const char *read_model(struct model *model, const char *path);

/* main.c: a path below /opt/ml, or below SAGEMAKER_BASE_DIR, until the next call; and the whole of a file, or NULL. */
const char *below_opt_ml(const char *path);
char *read_file(const char *path);

/* train.c and serve.c: the two programs; they return exit codes. */
int train(void);
int serve(void);

#endif
