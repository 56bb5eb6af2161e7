# Built without cgo, run as nobody on an empty image. Give it BAOM_DATABASE_URL, BAOM_REDIS_URL and
# BAOM_SECRET_KEY_FILE: there is no Postgres inside.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /baom ./cmd/baom

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /baom /baom
USER 65534:65534
ENV BAOM_HTTP_ADDR=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["/baom"]
CMD ["serve"]
