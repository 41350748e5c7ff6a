import { scheduleRequest } from '#wire/backup-request.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

/** Berth's own: backups that the daemon makes by itself. */
export function scheduleRoutes({ backups }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/berth/schedules',
      handle: context => context.json(200, backups.schedules()),
    },
    {
      method: 'POST',
      path: '/berth/schedules',
      handle: async context => context.json(201, await backups.addSchedule(scheduleRequest(await context.body()))),
    },
    {
      method: 'GET',
      path: '/berth/schedules/{id}',
      handle: context => context.json(200, backups.schedule(context.param('id'))),
    },
    {
      method: 'DELETE',
      path: '/berth/schedules/{id}',
      handle(context) {
        backups.removeSchedule(context.param('id'))
        context.empty(204)
      },
    },
    {
      method: 'POST',
      path: '/berth/schedules/{id}/run',
      handle: async context => context.json(200, await backups.runSchedule(context.param('id'))),
    },
    {
      method: 'POST',
      path: '/berth/schedules/{id}/pause',
      handle: async context => context.json(200, await backups.changeSchedule(context.param('id'), false)),
    },
    {
      method: 'POST',
      path: '/berth/schedules/{id}/resume',
      handle: async context => context.json(200, await backups.changeSchedule(context.param('id'), true)),
    },
  ]
}
