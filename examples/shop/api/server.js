// GET /items lists what PostgreSQL holds, POST /items {"name": …} adds a row, GET /health asks the database.
const http = require('node:http')
const { Pool } = require('pg')

const pool = new Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 3000 })
// A connection that the database closes (it is being replaced) is no reason to end: the pool opens another.
pool.on('error', error => console.error(`database: ${error.message}`))

const schema =
  'CREATE TABLE IF NOT EXISTS items (id serial PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now())'

async function body(request) {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > 10_000) throw new Error('too large')
  }
  return JSON.parse(text)
}

async function answer(request) {
  const route = `${request.method} ${request.url}`
  if (route === 'GET /health') return [200, { ok: (await pool.query('SELECT 1 AS one')).rowCount === 1 }]
  if (route === 'GET /items') return [200, (await pool.query('SELECT id, name FROM items ORDER BY id')).rows]
  if (route === 'POST /items') {
    const { name } = await body(request)
    return [201, (await pool.query('INSERT INTO items (name) VALUES ($1) RETURNING id, name', [name])).rows[0]]
  }
  return [404, { error: `no route ${route}` }]
}

const server = http.createServer((request, response) => {
  answer(request)
    .catch(error => [503, { error: error.message }])
    .then(([status, value]) => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(`${JSON.stringify(value)}\n`)
      console.log(`${request.method} ${request.url} ${status}`)
    })
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => server.close(() => process.exit(0)))
}

pool.query(schema).then(() => {
  server.listen(Number(process.env.PORT ?? 3000), () => console.log('the api listens'))
})
