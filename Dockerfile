# A static binary on an empty image, as a user without rights; the data is a volume.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /redoubt . && mkdir /data && chown 65532:65532 /data

FROM scratch
COPY --from=build /redoubt /redoubt
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
ENV REDOUBT_DATA=/data REDOUBT_ADDR=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/redoubt"]
