# The `pg` client comes with Debian's node-pg; an image without it fetches it once.
export NODE_PATH=/usr/share/nodejs:/usr/share/node_modules:/tmp/shop/node_modules
node -e 'require("pg")' 2>/dev/null || npm install --prefix /tmp/shop --silent pg
exec node /shop/server.js
