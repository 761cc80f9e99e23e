// Makes two JPEG files of every photograph in a folder, so many times, two at once, and tells
// seconds and CPU seconds as JSON. The photographs are read before the clock starts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

const [folder, times, atOnce] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const bodies = readdirSync(folder).sort().map((name) => readFileSync(join(folder, name)));

sharp.concurrency(1);
sharp.cache(false);

const inside = { fit: "inside", withoutEnlargement: true };

async function renditions(body) {
  const { data, info } = await sharp(body)
    .autoOrient()
    .resize(1024, 1024, inside)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raw = { raw: { width: info.width, height: info.height, channels: info.channels } };
  const medium = await sharp(data, raw).jpeg({ quality: 85 }).toBuffer();
  const small = sharp(data, raw).resize(256, 256, inside);
  return [medium, await small.jpeg({ quality: 85 }).toBuffer()];
}

async function work(count) {
  let next = 0;
  const one = async () => {
    while (next < count) await renditions(bodies[next++ % bodies.length]);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

await work(atOnce * 2);
const [started, used] = [process.hrtime.bigint(), process.cpuUsage()];
await work(times);
const cpu = process.cpuUsage(used);
console.log(
  JSON.stringify({
    seconds: Number(process.hrtime.bigint() - started) / 1e9,
    cpu_seconds: (cpu.user + cpu.system) / 1e6,
    sharp: sharp.versions.sharp,
  }),
);
