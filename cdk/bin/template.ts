/** Writes the portable CloudFormation templates. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { COPY_TEMPLATE_FILE, copyTemplate, PORTABLE_TEMPLATE_FILE, portableTemplate } from '../lib/portable-template.ts';

mkdirSync(new URL('.', PORTABLE_TEMPLATE_FILE), { recursive: true });
writeFileSync(PORTABLE_TEMPLATE_FILE, portableTemplate());
writeFileSync(COPY_TEMPLATE_FILE, copyTemplate());
