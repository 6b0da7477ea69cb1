#!/usr/bin/env node
/** The command `caching-proxy`: `promgate proxy`, which by this name stores everything for 60 s. */
import { runCommand } from './main.ts';

await runCommand(['caching-proxy', ...process.argv.slice(2)]);
