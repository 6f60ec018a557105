module github.com/redoubt-dev/redoubt/internal/oracle

go 1.26.8

require github.com/redoubt-dev/redoubt v0.0.0

replace github.com/redoubt-dev/redoubt => ../..
