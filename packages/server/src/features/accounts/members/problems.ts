import { problems } from '../../../platform/problems/problem.ts'

problems({
  'owner-role-fixed': { status: 403, title: 'Owner Role Fixed' },
  'own-role-fixed': { status: 403, title: 'Own Role Fixed' },
  'owner-not-removable': { status: 403, title: 'Owner Not Removable' },
  'admin-not-removable': { status: 403, title: 'Admin Not Removable' },
  'member-not-found': { status: 404, title: 'Member Not Found' },
  'owner-must-stay': { status: 409, title: 'Owner Must Stay' },
})
