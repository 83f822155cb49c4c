import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { CARD_FILE, dataSetCard } from '../card/card.js'
import { writeAtomically } from '../store/atomic-output.js'
import { CrystalDataSet } from '../store/data-set.js'

export function cardCommand(): Command {
  return new Command('card')
    .description('write a page about a data set: Markdown with figures')
    .argument('<dir>', 'a data-set folder, or `builtin`')
    .requiredOption('--out <dir>', 'folder for the page and its figures')
    .action(async (folder: string, { out }: { out: string }) => {
      const files = dataSetCard(await CrystalDataSet.open(folder))
      await mkdir(out, { recursive: true })
      for (const [file, content] of files) {
        await writeAtomically(join(out, file), (temporary) => writeFile(temporary, content))
      }
      console.log(`${join(out, CARD_FILE)}: the card, ${files.size - 1} figures`)
    })
}
