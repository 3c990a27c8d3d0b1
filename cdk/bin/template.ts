/** Writes the portable CloudFormation template. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { PORTABLE_TEMPLATE_FILE, portableTemplate } from '../lib/portable-template.ts';

mkdirSync(new URL('.', PORTABLE_TEMPLATE_FILE), { recursive: true });
writeFileSync(PORTABLE_TEMPLATE_FILE, portableTemplate());
