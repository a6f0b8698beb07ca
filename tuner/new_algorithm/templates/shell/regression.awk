# Linear regression by gradient descent. Call it with -F, and one of these tasks:
#
#   -v task=begin                                ROWS         prints a model that has learnt nothing yet
#   -v task=descend -v rate=NUMBER -v decay=NUMBER MODEL ROWS prints the model one step further
#   -v task=judge                                MODEL ROWS   prints the root of the mean squared error
#   -v task=predict                              MODEL ROWS   prints a label for each row; these rows have none
#
# Rows are `label,feature,...`. A model is a line `mean,deviation,weight` for the label and one for each feature: labels
# and features are brought to a mean of 0 and a deviation of 1 first, so that one learning rate suits them all.

task != "begin" && FNR == NR {
    if (NF == 3) {
        columns++
        mean[columns] = $1; deviation[columns] = $2; weight[columns] = $3
    }
    next
}

task == "begin" {
    columns = NF
    for (i = 1; i <= NF; i++) { sum[i] += $i; squares[i] += $i * $i }
}

task == "predict" { print predicted(-1) }

task == "judge" { error += (predicted(0) - $1) ^ 2 }

task == "descend" {
    residual = (predicted(0) - $1) / deviation[1]
    for (i = 2; i <= columns; i++) slope[i] += residual * ($i - mean[i]) / deviation[i]
}

{ rows++ }

END {
    if (task == "judge") printf "%.5f\n", sqrt(error / rows)
    if (task == "begin")
        for (i = 1; i <= columns; i++) {
            variance = squares[i] / rows - (sum[i] / rows) ^ 2
            printf "%.17g,%.17g,0\n", sum[i] / rows, (variance > 0 ? sqrt(variance) : 1)
        }
    if (task == "descend")
        for (i = 1; i <= columns; i++) {
            weight[i] -= rate * (slope[i] / rows + decay * weight[i])
            printf "%.17g,%.17g,%.17g\n", mean[i], deviation[i], weight[i]
        }
}

# The label of the current row; where it has none, its features stand one place further to the left.
function predicted(shift,    i, total) {
    for (i = 2; i <= columns; i++) total += weight[i] * ($(i + shift) - mean[i]) / deviation[i]
    return mean[1] + deviation[1] * total
}
