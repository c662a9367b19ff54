import { problems } from '../../../platform/problems/problem.ts'

problems({
  'webhook-not-found': { status: 404, title: 'Webhook Not Found' },
  'webhook-limit-reached': { status: 409, title: 'Webhook Limit Reached' },
})
