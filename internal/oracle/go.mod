module github.com/redoubt-dev/redoubt/internal/oracle

go 1.26.8

require github.com/redoubt-dev/redoubt v0.0.0

require go.yaml.in/yaml/v3 v3.0.6 // indirect

replace github.com/redoubt-dev/redoubt => ../..
