import { defineCommand, UsageError } from '../core/command.ts'

/** The scripts ask `berth __complete` for candidates, one a line with a tab before the description. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion for berth: source <(berth completion bash)
_berth() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  local IFS=$'\\n'
  COMPREPLY=()
  for line in $(berth __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    line="\${line%%$'\\t'*}"
    if [ "$line" = ":files" ]; then
      COMPREPLY+=($(compgen -f -- "$current"))
    else
      COMPREPLY+=("$line")
    fi
  done
  [ "\${#COMPREPLY[@]}" -eq 1 ] && [ "\${COMPREPLY[0]: -1}" = "=" ] && compopt -o nospace
  return 0
}
complete -o filenames -F _berth berth 2>/dev/null || complete -F _berth berth
`,
  zsh: `#compdef berth
# zsh completion for berth: source <(berth completion zsh)
_berth() {
  local -a candidates
  local line name
  for line in "\${(@f)$(berth __complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)}"; do
    [ -z "$line" ] && continue
    if [ "$line" = ":files" ]; then
      _files
      continue
    fi
    name="\${line%%$'\\t'*}"
    candidates+=("\${name//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe 'berth' candidates
}
compdef _berth berth
`,
  fish: `# fish completion for berth: berth completion fish | source
function __berth_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (berth __complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c berth -f -a '(__berth_complete)'
`,
}

export const command = defineCommand({
  usage: 'SHELL',
  args: [1, 1],
  complete: ['bash', 'fish', 'zsh'],
  description: `Generate a shell completion script

  bash:  source <(berth completion bash)
  zsh:   source <(berth completion zsh)
  fish:  berth completion fish | source`,
  flags: {},
  async run(context, { args }) {
    const script = Object.hasOwn(SCRIPTS, args[0]!) ? SCRIPTS[args[0]!] : undefined
    if (script === undefined) throw new UsageError(`there is no completion for ${args[0]}: use bash, zsh or fish`)
    context.stdout.write(script)
  },
})
