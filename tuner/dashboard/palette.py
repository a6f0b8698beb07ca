"""The colours of all figures: one set for light pages, and what each becomes on dark ones."""

COMPLETED = "#2f6db5"
BEST = "#c26a00"
FAILED = "#b8423a"
RUNNING = "#6f7b87"
LINE = "#9fb4cc"
TEXT = "#4a535c"
GRID = "#e3e7eb"
SURFACE = "#ffffff"

#: By these the page's script replaces the colours above when the reader's system is set to dark.
DARK = {
    COMPLETED: "#6ea8ea",
    BEST: "#f0a848",
    FAILED: "#ef8079",
    RUNNING: "#9aa6b2",
    LINE: "#4c6480",
    TEXT: "#b4bec8",
    GRID: "#2c343c",
    SURFACE: "#171c21",
}
