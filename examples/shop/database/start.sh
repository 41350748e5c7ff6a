# Starts PostgreSQL from the official image, or from Debian's package, with the same environment variables.
set -e
if command -v docker-entrypoint.sh >/dev/null; then
  exec docker-entrypoint.sh postgres
fi
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"
data=/var/lib/postgresql/data
as_postgres="setpriv --reuid postgres --regid postgres --init-groups"
mkdir -p /run/postgresql
chown postgres:postgres "$data" /run/postgresql
chmod 700 "$data"
if [ ! -s "$data/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" >/run/postgresql/password
  chown postgres /run/postgresql/password
  # A half-made directory of an interrupted first start must not count as a database: it is made beside and moved.
  rm -rf "$data/new"
  $as_postgres initdb -D "$data/new" -U "$POSTGRES_USER" --pwfile /run/postgresql/password --auth-host scram-sha-256 --auth-local trust --no-sync >/dev/null
  rm /run/postgresql/password
  echo "host all all all scram-sha-256" >>"$data/new/pg_hba.conf"
  $as_postgres pg_ctl -D "$data/new" -w -o "-c listen_addresses=" start >/dev/null
  $as_postgres createdb -h /run/postgresql -U "$POSTGRES_USER" "$POSTGRES_DB"
  $as_postgres pg_ctl -D "$data/new" -w -m fast stop >/dev/null
  version=$data/new/PG_VERSION
  mv "$version" "$data/PG_VERSION.new"
  $as_postgres sh -c "mv $data/new/* $data/ && rmdir $data/new && mv $data/PG_VERSION.new $data/PG_VERSION"
fi
exec $as_postgres postgres -D "$data" -c listen_addresses='*'
