# Reference values of kernel smoothing from R: spatstat.explore and sparr.
# Rscript tests/reference/r/spatstat_kde.R tests/reference/r
# Only numbers that these packages compute are kept; the packages are GPL and are not needed here.
suppressMessages({library(spatstat.explore); library(spatstat.data)})
out <- commandArgs(trailingOnly = TRUE)[1]
write_json <- function(x, path) writeLines(jsonlite::toJSON(x, digits = NA, auto_unbox = TRUE), path)

# Published point patterns in the unit square (redwood: Strauss 1975, Ripley 1977; japanesepines:
# Numata 1961). Coordinates are facts; they stand in patterns.csv beside this script.
patterns <- list(redwood = redwood, japanesepines = unmark(rescale(japanesepines, 1)))
W <- owin(c(0, 1), c(0, 1))
patterns <- lapply(patterns, function(X) ppp(X$x - X$window$xrange[1], X$y - X$window$yrange[1], window = W))
rows <- do.call(rbind, lapply(names(patterns), function(n)
  data.frame(pattern = n, x = patterns[[n]]$x, y = patterns[[n]]$y)))
write.csv(rows, file.path(out, "patterns.csv"), row.names = FALSE)

star <- owin(poly = list(x = c(0.05, 0.95, 0.8, 0.55, 0.2), y = c(0.02, 0.1, 0.95, 0.6, 0.9)))
result <- list(spatstat.explore = as.character(packageVersion("spatstat.explore")))
for (n in names(patterns)) {
  X <- patterns[[n]]
  d <- suppressWarnings(bw.diggle(X)); dt <- suppressWarnings(bw.diggle(X, correction = "translate"))
  p <- suppressWarnings(bw.ppl(X))
  iso <- Kest(X, r = seq(0, 0.25, length = 512), correction = c("isotropic", "translate"))
  at <- function(...) as.numeric(density(X, 0.1, at = "points", ...))
  g <- function(...) density(X, 0.1, dimyx = 128, ...)
  result[[n]] <- list(
    scott = as.numeric(bw.scott(X)),
    diggle = list(isotropic = as.numeric(d), translate = as.numeric(dt),
                  sigma = attr(dt, "h"), criterion = attr(dt, "cv"), criterion_isotropic = attr(d, "cv")),
    # The integral in bw.ppl is over pixels; its default of 128 a side moves the criterion by up to 0.1.
    ppl_1024 = attr(suppressWarnings(bw.ppl(X, dimyx = 1024)), "cv"),
    ppl = list(choice = as.numeric(p), sigma = attr(p, "h"), criterion = attr(p, "cv")),
    k = list(r = iso$r[seq(1, 512, 16)], translate = iso$trans[seq(1, 512, 16)], isotropic = iso$iso[seq(1, 512, 16)]),
    at_points = list(uniform = at(), diggle = at(diggle = TRUE), none = at(edge = FALSE)),
    integral = list(uniform = integral(g()), diggle = integral(g(diggle = TRUE)), none = integral(g(edge = FALSE))),
    integral_1024 = list(uniform = integral(density(X, 0.1, dimyx = 1024)),
      diggle = integral(density(X, 0.1, diggle = TRUE, dimyx = 1024)),
      none = integral(density(X, 0.1, edge = FALSE, dimyx = 1024))))
}
# Sheather and Jones' own bandwidth (stats::bw.SJ) of quantiles of normal laws.
u <- function(n) qnorm((seq_len(n) - 0.5) / n)
result$sheather_jones <- list(normal_2000 = bw.SJ(u(2000), nb = 5000),
  two_normals = bw.SJ(c(u(2000) - 3, 2 * u(2000) + 4), nb = 5000))
# A polygon with a notch: every corner of the corrections is met. Read on a coarse sublattice.
X <- patterns$redwood[star]
pixel <- function(...) { Z <- density(X, 0.1, dimyx = 512, ...); list(x = Z$xcol[seq(9, 512, 32)], y = Z$yrow[seq(9, 512, 32)], z = Z$v[seq(9, 512, 32), seq(9, 512, 32)]) }
result$polygon <- list(x = star$bdry[[1]]$x, y = star$bdry[[1]]$y, points = cbind(X$x, X$y),
  uniform = pixel(), diggle = pixel(diggle = TRUE), none = pixel(edge = FALSE),
  at_points = list(uniform = as.numeric(density(X, 0.1, at = "points", dimyx = 512)),
                   diggle = as.numeric(density(X, 0.1, at = "points", diggle = TRUE, dimyx = 512))))
write_json(result, file.path(out, "spatstat_kde.json"))
