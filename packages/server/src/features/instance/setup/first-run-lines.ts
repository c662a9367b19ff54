import type { FirstRun } from './create-first-run.ts'

/** Where the credentials are, without them: a container's log is read by more people than its data directory. */
export function firstRunNotice(url: string, path: string): string {
  return `
Appstrate is ready at ${url} (API documentation: ${url}/api/docs)
The credentials of the first run are in ${path}. To print them, with commands to try: npm run first-run
`
}

/** The lines to copy and paste after the first boot: upload a CSV, start the run, follow it, read the result. */
export function firstRunLines(firstRun: FirstRun, path: string): string {
  return `
Appstrate is ready at ${firstRun.url} (API documentation: ${firstRun.url}/api/docs)
Owner: ${firstRun.email}, password: ${firstRun.password} (stored in ${path})

Paste these lines into another terminal. They upload a CSV, start the demo agent on it, follow the run and read \
its result:

URL=${firstRun.url} KEY=${firstRun.apiKey} APP=${firstRun.appId} AGENT=${firstRun.agentId}
printf 'item,quantity,amount\\ntea,2,3.20\\n"bread, sliced",1,2.75\\nhoney,4,19.99\\n' > sales.csv
FILE=$(curl -s -H "Authorization: Bearer $KEY" -H "X-App-Id: $APP" -F file=@sales.csv $URL/api/files \
| grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4)
RUN=$(curl -s -H "Authorization: Bearer $KEY" -H "X-App-Id: $APP" -H "Content-Type: application/json" \
-d "{\\"agentId\\":\\"$AGENT\\",\\"files\\":[\\"$FILE\\"]}" $URL/api/runs \
| grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4)
curl -sN "$URL/api/realtime/runs/$RUN?token=$KEY"
curl -s -H "Authorization: Bearer $KEY" -H "X-App-Id: $APP" $URL/api/runs/$RUN
`
}
