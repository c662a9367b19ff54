import { problems } from '../../../platform/problems/problem.ts'

problems({
  'delivery-not-found': { status: 404, title: 'Delivery Not Found' },
  'delivery-pending': { status: 409, title: 'Delivery Pending' },
  'webhook-disabled': { status: 409, title: 'Webhook Disabled' },
})
