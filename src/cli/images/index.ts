import { entry, type Group } from '../core/command.ts'

export const imageGroup: Group = {
  name: 'image',
  summary: 'Manage images',
  commands: [
    entry('bootstrap', "Make a base image from a distribution's package mirror", () => import('./bootstrap.ts')),
    entry('history', 'Show the history of an image', () => import('./history.ts')),
    entry('import', 'Import the contents from a tarball to create a filesystem image', () => import('./import.ts')),
    entry('inspect', 'Display detailed information on one or more images', () => import('./inspect.ts')),
    entry('load', 'Load an image from a tar archive or STDIN', () => import('./load.ts')),
    entry('ls', 'List images', () => import('./ls.ts'), { aliases: ['list'] }),
    entry('prune', 'Remove unused images', () => import('./prune.ts')),
    entry('pull', 'Download an image from a registry', () => import('./pull.ts')),
    entry('push', 'Upload an image to a registry', () => import('./push.ts')),
    entry('rm', 'Remove one or more images', () => import('./rm.ts'), { aliases: ['remove'] }),
    entry(
      'save',
      'Save one or more images to a tar archive (streamed to STDOUT by default)',
      () => import('./save.ts'),
    ),
    entry('tag', 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', () => import('./tag.ts')),
  ],
}
