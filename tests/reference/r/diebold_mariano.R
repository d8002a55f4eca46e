# Diebold-Mariano tests by R's forecast (GPL-3, run and never copied), as JSON beside this.
#
#     Rscript tests/reference/r/diebold_mariano.R
#
# forecast::dm.test takes errors and a power. With errors d + 1 and 1 and power 1 the difference
# of losses is d itself, as long as d > -1.

suppressMessages(library(forecast))
set.seed(7)
case <- function(n, rho, shift) {
  noise <- as.numeric(stats::filter(rnorm(n), rho, method = "recursive"))
  round(0.2 * noise + shift, 6)
}
series <- list(case(24, 0, 0.05), case(60, 0.4, 0), case(12, 0.3, 0.1))
answer <- function(d, h) {
  found <- dm.test(d + 1, rep(1, length(d)), h = h, power = 1, varestimator = "bartlett")
  sprintf('{"horizon": %d, "statistic": %.15g, "p_value": %.15g}', h, found$statistic, found$p.value)
}
blocks <- vapply(series, function(d) {
  stopifnot(min(d) > -1)
  answers <- vapply(1:4, function(h) answer(d, h), "")
  sprintf('{"series": [%s],\n   "answers": [%s]}', paste(d, collapse = ", "),
          paste(answers, collapse = ",\n    "))
}, "")
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(FALSE), value = TRUE)))
writeLines(sprintf('{"forecast": "%s", "cases": [\n  %s\n]}', packageVersion("forecast"),
                   paste(blocks, collapse = ",\n  ")), file.path(here, "diebold_mariano.json"))
