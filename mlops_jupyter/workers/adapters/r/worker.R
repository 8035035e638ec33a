# Speaks JSON lines with the hub; what the model is stands in model.R.
suppressPackageStartupMessages(library(jsonlite))

# what the model prints belongs into the log: standard output is for answers
out <- file("/dev/stdout", open = "w", raw = TRUE)
sink(stderr())

say <- function(...) {
  writeLines(paste0("{", ..., "}"), out)
  flush(out)
}

json <- function(value, ...) {
  toJSON(value, digits = NA, na = "null", null = "null", POSIXt = "ISO8601", ...)
}

answer <- function(request) {
  tryCatch(
    say('"id":', request$id, ',"outputs":', json(as.list(predict_rows(request$inputs)))),
    error = function(problem) {
      message(conditionMessage(problem))
      said <- list(class = class(problem)[1], message = conditionMessage(problem))
      say('"id":', request$id, ',"error":', json(said, auto_unbox = TRUE))
    }
  )
}

source("model.R")
say('"ready":true')
input <- file("stdin", open = "r")
while (length(line <- readLines(input, n = 1, warn = FALSE)) > 0) {
  answer(fromJSON(line, simplifyDataFrame = FALSE))
}
