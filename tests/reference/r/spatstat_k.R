# Reference values of the inhomogeneous K function from R's spatstat on 40 points made by arithmetic, in a rectangle and in
# an L, against an intensity that rises eastwards. For the L, Kinhom reads the translation correction off pixels (0.8 % off
# at 50 m here); edge.Trans(exact = TRUE) cuts the polygons, and the same sum is made with it.
# Rscript tests/reference/r/spatstat_k.R tests/reference/r      writes spatstat_k.json
# Only numbers that the package computes are kept; it is GPL and is not needed here.
suppressMessages(library(spatstat))
arguments <- commandArgs(trailingOnly = TRUE)
i <- 0:39
x <- (37 * i^2 + 11 * i) %% 1000
y <- (53 * i^2 + 29 * i + 7) %% 800
intensity <- (1 + x / 500) * 20e-6
windows <- list(
  rectangle = owin(c(0, 1000), c(0, 800)),
  l_shape = owin(poly = list(x = c(0, 1000, 1000, 400, 400, 0), y = c(0, 0, 300, 300, 800, 800)))
)
lines <- sapply(names(windows), function(name) {
  inside <- inside.owin(x, y, windows[[name]])
  points <- ppp(x[inside], y[inside], window = windows[[name]])
  kinhom <- Kinhom(points, lambda = intensity[inside], r = 0:150, correction = "translate", renormalise = FALSE)
  pairs <- closepairs(points, 150, what = "all")
  from <- points[pairs$i]
  to <- points[pairs$j]
  # One over the shared area, times the area, of each pair.
  edge <- edge.Trans(from, to, paired = TRUE, exact = TRUE)
  weight <- edge / area(windows[[name]]) / (intensity[inside][pairs$i] * intensity[inside][pairs$j])
  k <- sapply(c(50, 100, 150), function(u) sum(weight[pairs$d <= u]))
  stopifnot(max(abs(kinhom$trans[c(51, 101, 151)] / k - 1)) < 0.01)
  values <- paste(format(k, digits = 15), collapse = ", ")
  sprintf('  "%s": {"points": %d, "k": [%s]}', name, sum(inside), values)
})
writeLines(c("{", sprintf('  "spatstat": "%s",', packageVersion("spatstat")), paste(lines, collapse = ",\n"), "}"),
  file.path(arguments[1], "spatstat_k.json"))
