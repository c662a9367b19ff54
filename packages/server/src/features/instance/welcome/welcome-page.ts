/** The page at `/`, until there is a dashboard. */
export const welcomePage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Appstrate</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { max-width: 42rem; margin: 10vh auto; padding: 0 1.25rem }
  h1 { font-size: 1.75rem; margin-bottom: .25rem }
  pre { padding: 1rem; overflow-x: auto; border-radius: .5rem; font-size: .85rem;
    border: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
  a { color: inherit }
  #ready { font-weight: 600 }
</style>
</head>
<body>
<main>
<h1>Appstrate</h1>
<p>AI agents behind an API: durable runs, a sandbox for their tools, every step live.
This server is <span id="ready" role="status">being checked…</span>.</p>
<ul>
<li><a href="/api/docs">API documentation</a> (<a href="/api/openapi.json">OpenAPI</a>)</li>
<li><a href="/health">Liveness</a> and <a href="/ready">readiness</a></li>
</ul>
<h2>First steps</h2>
<p><code>npm run first-run</code> prints lines to copy: they upload a CSV, start the demo agent on it, follow the run
and read the result. Their values are in <code>first-run.json</code> in the server's data directory:</p>
<pre>curl -H "Authorization: Bearer <i>apiKey</i>" -H "X-App-Id: <i>appId</i>" \\
     -F file=@sales.csv <i>url</i>/api/files

curl -H "Authorization: Bearer <i>apiKey</i>" -H "X-App-Id: <i>appId</i>" \\
     -H "Content-Type: application/json" -H "Prefer: wait=30" \\
     -d '{"agentId": "<i>agentId</i>", "files": ["<i>id of the file</i>"]}' \\
     <i>url</i>/api/runs</pre>
</main>
<script>
  fetch('/ready').then((r) => r.json().then((b) => (r.ok ? 'ready' : b.detail))).catch(() => 'not reachable')
    .then((text) => { document.getElementById('ready').textContent = text })
</script>
</body>
</html>
`
