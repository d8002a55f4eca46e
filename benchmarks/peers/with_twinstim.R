# The four-parameter model by surveillance::twinstim: its seconds and estimates, as JSON.
#
# Called by compare.py. Triggering is cut at 90 days and 1.2 km, where e^-9 of the lag's mass and
# less than 1e-7 of the displacement's are left over.

suppressPackageStartupMessages(library(surveillance))

given <- commandArgs(trailingOnly = TRUE)
record <- read.csv(given[1])
number <- as.numeric(given[-1])
side <- number[1]
days <- number[2]
background <- number[3]
ratio <- number[4]
decay <- number[5]
sd <- number[6]

record$t <- record$t + 1e-9 * seq_len(nrow(record)) # no event is to share its time
corners <- rbind(c(0, 0), c(0, side), c(side, side), c(side, 0), c(0, 0))
square <- sp::SpatialPolygons(list(sp::Polygons(list(sp::Polygon(corners)), "1")))
events <- sp::SpatialPointsDataFrame(
  record[, c("x", "y")],
  data.frame(time = record$t, tile = factor("1"), eps.t = 90, eps.s = 1.2)
)
whole <- data.frame(start = 0, stop = days, tile = factor("1"), area = side^2)

begin <- proc.time()
laid <- as.epidataCS(events, stgrid = whole, W = square, nCircle2Poly = 32)
fit <- twinstim(
  endemic = ~1, epidemic = ~1, siaf = siaf.gaussian(), tiaf = tiaf.exponential(),
  data = laid, cumCIF = FALSE, verbose = FALSE,
  optim.args = list(par = c(
    "h.(Intercept)" = log(background),
    "e.(Intercept)" = log(ratio * decay / (2 * pi * sd^2)),
    "e.siaf.1" = log(sd), "e.tiaf.1" = decay
  ))
)
taken <- proc.time() - begin

found <- coef(fit)
sd <- exp(found["e.siaf.1"])
decay <- found["e.tiaf.1"]
ratio <- exp(found["e.(Intercept)"]) * 2 * pi * sd^2 / decay
estimates <- c(exp(found["h.(Intercept)"]), ratio, decay, sd)
cat(sprintf(
  '\n{"seconds": %.4f, "estimates": [%s], "version": "%s"}\n',
  sum(taken[c("user.self", "sys.self")]),
  paste(sprintf("%.8f", estimates), collapse = ", "),
  packageVersion("surveillance")
))
