import { readdirSync, statSync } from 'node:fs'
import type { Cover } from './covers.ts'

// What programs read, and what says nothing about the host's paths, its keys or the kernel's configuration. Each entry
// that is not shown costs a mount per execution.
const shown = new Set([
  ...['cgroups', 'consoles', 'cpuinfo', 'crypto', 'devices', 'execdomains', 'filesystems', 'loadavg', 'meminfo'],
  ...['misc', 'mounts', 'net', 'pressure', 'self', 'softirqs', 'stat', 'swaps', 'sys', 'sysvipc', 'thread-self'],
  ...['uptime', 'version', 'vmstat', 'zoneinfo', 'buddyinfo', 'bus', 'dma', 'driver', 'irq', 'tty'],
])
// Settings that contain paths of the host.
const settings = ['kernel/core_pattern', 'kernel/modprobe', 'kernel/hotplug', 'kernel/poweroff_cmd']
const othersMayRead = 0o004

/** The entries of /proc that the sandbox sees as empty or unreadable. */
export function findProcMasks(): Cover[] {
  const named = readdirSync('/proc')
    .filter((name) => !/^\d+$/.test(name) && !shown.has(name))
    .map((name) => `/proc/${name}`)
  return [...named, ...settings.map((name) => `/proc/sys/${name}`)].flatMap((path) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    // The sandbox's user owns none of them, so the kernel refuses those that only root may read.
    if (stats === undefined || (stats.mode & othersMayRead) === 0) return []
    return [{ path, isDirectory: stats.isDirectory() }]
  })
}
