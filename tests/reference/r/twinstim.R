# Reference values of the twinstim family from R: surveillance, on its own data set imdepi.
# Rscript tests/reference/r/twinstim.R tests/reference/r [events_untied.csv]
# Only numbers that the package computes are kept; it is GPL and is not needed here. Discs that the
# border cuts are polygons with 16 sides in imdepi.
suppressMessages(library(surveillance))
arguments <- commandArgs(trailingOnly = TRUE)
data(imdepi)
xy <- coordinates(imdepi$events)
separation <- min(dist(unique(xy)))
set.seed(321)
untied <- untie(imdepi, amount = list(s = separation / 2))
if (length(arguments) > 1) {  # the frozen copy of the events is this one
  frozen <- read.csv(arguments[2])
  stopifnot(max(abs(as.matrix(frozen[c("x", "y")]) - coordinates(untied$events))) < 1e-6)
}
endemic <- addSeason2formula(~ offset(log(popdensity)) + I(start / 365 - 3.5), period = 365, timevar = "start")
fits <- function(data, siaf, tiaf, start) {
  # With its own tolerance nlminb stops a tenth of a standard error short of the top.
  control <- list(trace = 0, rel.tol = 1e-14, x.tol = 1e-11, iter.max = 300, eval.max = 600)
  fit <- twinstim(
    endemic = endemic, epidemic = ~ type + agegrp, siaf = siaf, tiaf = tiaf, data = data, subset = !is.na(agegrp),
    start = start, verbose = FALSE, optim.args = list(control = control), model = TRUE)
  away <- coef(fit) + 0.1
  functions <- fit$functions
  list(names = names(coef(fit)), estimates = unname(coef(fit)), log_likelihood = as.numeric(logLik(fit)),
       standard_errors = unname(sqrt(diag(vcov(fit)))),
       away = list(theta = unname(away), log_likelihood = functions$ll(away), score = unname(functions$sc(away))))
}
models <- list(
  gaussian = list(siaf.gaussian(), NULL, c(e.siaf.1 = 3)),
  exponential = list(siaf.exponential(), NULL, c(e.siaf.1 = 2.5)),
  power_law = list(siaf.powerlaw(), NULL, c(e.siaf.1 = 1.5, e.siaf.2 = 0.9)),
  student = list(siaf.student(), NULL, c(e.siaf.1 = 1.5, e.siaf.2 = 0.5)),
  step = list(siaf.step(c(10, 25, 60), maxRange = 200), NULL, NULL),
  gaussian_exponential_lag = list(siaf.gaussian(), tiaf.exponential(), c(e.siaf.1 = 3, e.tiaf.1 = 0.1)),
  gaussian_step_lag = list(siaf.gaussian(), tiaf.step(c(7, 14), maxRange = 30), c(e.siaf.1 = 3)))
result <- list(surveillance = as.character(packageVersion("surveillance")))
endemic_only <- twinstim(endemic = endemic, data = untied, subset = !is.na(agegrp), start = c(h.Intercept = -20),
  verbose = FALSE, optim.args = list(control = list(rel.tol = 1e-14)))
result$endemic_only <- list(estimates = unname(coef(endemic_only)), log_likelihood = as.numeric(logLik(endemic_only)),
  standard_errors = unname(sqrt(diag(vcov(endemic_only)))))
for (name in names(models)) {
  model <- models[[name]]
  start <- c(h.Intercept = -20.5, `e.(Intercept)` = -12.5, model[[3]])
  fit <- fits(untied, model[[1]], model[[2]], start)
  result$models[[name]] <- fit
  cat(name, fit$log_likelihood, "\n")
}
writeLines(jsonlite::toJSON(result, digits = NA, auto_unbox = TRUE, pretty = TRUE), file.path(arguments[1], "twinstim.json"))
