module github.com/redoubt-dev/redoubt/internal/oracle

go 1.26.8
