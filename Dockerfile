# Built without cgo, run as nobody on an empty image. Give it BAOM_DATABASE_URL, BAOM_REDIS_URL and
# BAOM_SECRET_KEY_FILE: there is no Postgres inside, nor pg_dump: baom backup makes its own copy.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /baom ./cmd/baom && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /baom /baom
# What the search has learnt; nothing in it is needed.
COPY --from=build --chown=65534:65534 /data /data
USER 65534:65534
ENV BAOM_HTTP_ADDR=0.0.0.0:8080 BAOM_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
# It ends what it has in hand.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/baom"]
CMD ["serve"]
