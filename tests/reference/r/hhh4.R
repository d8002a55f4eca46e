# Reference values of the endemic-epidemic family for counts from R: surveillance::hhh4, on its own data sets
# measlesWeserEms and influMen and on counts that were simulated for this test (hhh4_counts.csv, six areas in a ring).
# Rscript tests/reference/r/hhh4.R tests/reference/r            writes hhh4.json
# Rscript tests/reference/r/hhh4.R tests/reference/r FOLDER     writes the package's data there, for the tests alone
# Only numbers that the package computes are kept; it is GPL and is not needed here.
suppressMessages(library(surveillance))
arguments <- commandArgs(trailingOnly = TRUE)
data(measlesWeserEms)
data(influMen)
measles <- measlesWeserEms
influenza <- disProg2sts(influMen)
if (length(arguments) > 1) {
  write.csv(observed(measles), file.path(arguments[2], "measles_counts.csv"), row.names = FALSE)
  write.csv(neighbourhood(measles), file.path(arguments[2], "measles_orders.csv"), row.names = FALSE)
  write.csv(population(measles), file.path(arguments[2], "measles_population.csv"), row.names = FALSE)
  write.csv(observed(influenza), file.path(arguments[2], "influenza_counts.csv"), row.names = FALSE)
  quit()
}
table <- as.matrix(read.csv(file.path(arguments[1], "hhh4_counts.csv"), check.names = FALSE))
ring <- outer(1:6, 1:6, function(i, j) pmin(abs(i - j), 6 - abs(i - j)))
dimnames(ring) <- list(colnames(table), colnames(table))
simulated <- sts(table, start = c(2001, 1), frequency = 12, neighbourhood = ring)
fitted <- function(data, ..., tolerance = 1e-9) {
  # With its own tolerance of 1e-6 the climb may stop a little short of the top.
  control <- list(..., optimizer = list(stop = list(tol = 1e-9, niter = 200),
    regression = list(method = "nlminb", rel.tol = tolerance)))
  fit <- hhh4(data, control)
  stopifnot(fit$convergence)
  values <- coef(fit, se = TRUE)  # fit$se holds the error of the overdispersion's logarithm
  list(names = rownames(values), estimates = unname(values[, 1]), standard_errors = unname(values[, 2]),
       log_likelihood = as.numeric(logLik(fit)))
}
season <- addSeason2formula(~ 1 + t, period = 52)
end <- list(f = season, offset = population(measles))
yearly <- list(f = addSeason2formula(~ 1 + t, period = 12))
first <- list(f = ~ 1, weights = neighbourhood(measles) == 1)
power <- list(f = ~ 1, weights = W_powerlaw(maxlag = 5))
near <- list(f = ~ 1, weights = ring == 1)
far <- list(f = ~ 1, weights = W_powerlaw(maxlag = 3))
ar <- list(f = ~ 1)
one_way <- matrix(c(0, 0, 1, 0), 2, dimnames = rep(list(colnames(observed(influenza))), 2))
both <- list(f = addSeason2formula(~ -1 + fe(1, unitSpecific = TRUE), S = c(3, 1), period = 52))
each <- list(f = ~ -1 + fe(1, unitSpecific = TRUE))
result <- list(
  surveillance = as.character(packageVersion("surveillance")),
  measles_poisson_first = fitted(measles, ar = ar, ne = first, end = end, family = "Poisson"),
  measles_negbin_first = fitted(measles, ar = ar, ne = first, end = end, family = "NegBin1"),
  measles_poisson_power = fitted(measles, ar = ar, ne = power, end = end, family = "Poisson"),
  measles_negbin_power = fitted(measles, ar = ar, ne = power, end = end, family = "NegBin1"),
  influenza_negbin = fitted(influenza, ar = each, ne = list(f = ~ 1, weights = one_way), end = both, family = "NegBinM"),
  influenza_poisson = fitted(influenza, ar = ar, ne = list(f = ~ 1, weights = one_way), end = both, family = "Poisson"),
  simulated_poisson_first = fitted(simulated, ar = ar, ne = near, end = yearly, family = "Poisson"),
  simulated_negbin_first = fitted(simulated, ar = ar, ne = near, end = yearly, family = "NegBin1"),
  simulated_negbin_each = fitted(simulated, ar = ar, ne = near, end = yearly, family = "NegBinM"),
  simulated_negbin_power = fitted(simulated, ar = ar, ne = far, end = yearly, family = "NegBin1"))
for (name in names(result)[-1]) cat(name, result[[name]]$log_likelihood, "\n")
writeLines(jsonlite::toJSON(result, digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(arguments[1], "hhh4.json"))
