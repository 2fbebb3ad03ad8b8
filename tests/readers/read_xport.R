# Read every transport file of a folder with a package of R, and write what was read as tab-separated text:
# Rscript read_xport.R foreign|haven FOLDER OUT
given <- commandArgs(trailingOnly = TRUE)
read <- list(
  foreign = function(path) foreign::read.xport(path, as.is = TRUE),
  haven = function(path) as.data.frame(haven::zap_formats(haven::zap_label(haven::read_xpt(path))))
)[[given[1]]]
as_text <- function(column) {
  text <- if (is.numeric(column)) formatC(as.numeric(column), digits = 17, format = "g") else trimws(as.character(column), "right")
  text[is.na(column)] <- ""
  gsub("[\t\r\n]", " ", text)
}
for (path in list.files(given[2], pattern = "\\.xpt$", full.names = TRUE)) {
  table <- read(path)
  target <- file.path(given[3], sub("\\.xpt$", ".tsv", basename(path)))
  columns <- lapply(table, as_text)
  lines <- if (nrow(table)) do.call(paste, c(unname(columns), sep = "\t")) else character()
  writeLines(c(paste(names(table), collapse = "\t"), lines), target, useBytes = TRUE)
}
