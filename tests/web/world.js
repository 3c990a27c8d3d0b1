// A backup with a history, on the simulator: a bucket that people work in, and one run for each of some nights.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';

const PROGRAM = process.env.S3_BACKUP ?? '../../target/debug/s3-backup';
const SIMULATOR = process.env.S3_SIM ?? '../../target/debug/s3-sim';
const JOB = ['--source', 'primary', '--destination', 'backup'];
const DAY = 86_400;

/** Names that attack whoever shows them. */
export const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)<',
  'photo\u202Egpj.exe',
  'two\nlines',
  '=cmd|calc!A0',
  `${'x'.repeat(1000)}.txt`,
];

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGNgYPiPB41KY0gDAGpWYp46vmVAAAAAAElFTkSuQmCC',
  'base64',
);

export class World {
  static async start() {
    const world = new World();
    const options = ['--buckets', 'other', '--versioned', 'primary,backup', '--clock', '9', '--report'];
    world.simulator = spawn(SIMULATOR, options, { stdio: ['pipe', 'pipe', 'inherit'] });
    world.answers = createInterface({ input: world.simulator.stdout })[Symbol.asyncIterator]();
    world.endpoint = (await world.answers.next()).value;
    world.env = {
      PATH: process.env.PATH,
      HOSTNAME: 'laptop',
      AWS_ENDPOINT_URL: world.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    return world;
  }

  async advance(seconds) {
    this.simulator.stdin.write(`advance ${seconds}\n`);
    await this.answers.next();
  }

  url(bucket, key) {
    return `${this.endpoint}/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
  }

  async put(key, body, bucket = 'primary') {
    const answer = await fetch(this.url(bucket, key), { method: 'PUT', body });
    if (!answer.ok) throw new Error(`PUT ${key}: ${answer.status} ${await answer.text()}`);
  }

  async get(key, bucket = 'primary') {
    const answer = await fetch(this.url(bucket, key));
    return answer.ok ? Buffer.from(await answer.arrayBuffer()) : null;
  }

  async remove(key) {
    await fetch(this.url('primary', key), { method: 'DELETE' });
  }

  run() {
    const { status, stderr } = spawnSync(PROGRAM, ['run', ...JOB], { env: this.env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`a run ended with ${status}: ${stderr}`);
  }

  /** Six nights of a small company. */
  async nights() {
    const file = (name, text) => this.put(name, text);
    await file('reports/2026/annual report.txt', 'Annual report\n\nA good year.\n');
    await file('reports/2026/budget.csv', 'what,how much\nrent,1200\n');
    await file('reports/readme.txt', 'Reports of all years.\n');
    await file('contracts/lease.txt', 'The lease, as it was signed.\n');
    await file('contracts/Müller & Söhne.txt', 'Vertrag\n');
    await this.put('pictures/logo.png', PNG);
    await file('notes.txt', 'first\n');
    for (const name of HOSTILE) await file(`hostile/${name}`, 'harmless');
    const changes = [
      async () => {},
      async () => file('reports/2026/annual report.txt', 'Annual report\n\nA good year. Costs are up.\n'),
      async () => file('notes.txt', 'second\n'),
      async () => this.remove('contracts/lease.txt'),
      async () => file('reports/2026/annual report.txt', 'Annual report\n\n(empty by mistake)\n'),
      async () => file('reports/2026/budget.csv', 'what,how much\nrent,1300\nheat,200\n'),
    ];
    for (const change of changes) {
      await this.advance(DAY / 2);
      await change();
      await this.advance(DAY / 2);
      this.run();
    }
    await this.advance(DAY);
    await this.redate();
  }

  /** A run is dated by the clock of this machine. Gives each the date that the simulator had. */
  async redate() {
    const listing = await (await fetch(`${this.endpoint}/backup?list-type=2&prefix=.s3-backup/`)).text();
    const [, place] = listing.match(/<Key>([^<]*\/)snapshots\/latest\.json<\/Key>/);
    const latest = JSON.parse(await this.get(`${place}snapshots/latest.json`, 'backup'));
    const keys = [];
    for (let link = latest.index; link; ) {
      keys.unshift(place + link.key);
      link = JSON.parse(await this.get(place + link.key, 'backup')).previous;
    }
    let previous = null;
    const now = new Date();
    for (const [at, key] of keys.entries()) {
      const index = JSON.parse(await this.get(key, 'backup'));
      const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - (keys.length - at), 2, 0, 4 + at);
      index.started_at = iso(day);
      index.ended_at = iso(new Date(day.getTime() + 95_000));
      // The second night could not read one object.
      if (at === 1) index.totals.errors = 1;
      index.previous = previous;
      const body = JSON.stringify(index);
      await this.put(key, body, 'backup');
      const sha256 = createHash('sha256').update(body).digest('hex');
      previous = { key: key.slice(place.length), sha256 };
    }
    await this.put(`${place}snapshots/latest.json`, JSON.stringify({ ...latest, index: previous }), 'backup');
  }

  /** Starts the page, and gives its link. */
  async serve(...more) {
    const server = spawn(PROGRAM, ['serve', '--no-open', ...JOB, ...more], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const link = (await lines.next()).value;
    return { link, end: () => server.kill() };
  }

  end() {
    this.simulator.kill();
  }
}

const iso = (date) => `${date.toISOString().slice(0, 19)}Z`;
