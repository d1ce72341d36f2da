# Watchkeeper: this shell is a session. Written by `wk shell-init zsh`.
# Nothing here may disturb the shell, whatever its options.
if [[ -o interactive ]]; then
  _wk_hook=@WK_HOOK@
  if [[ "${_wk_shell-}" != "$$" && -x "$_wk_hook" ]]; then
    _wk_shell=$$
    _wk_tell() {
      emulate -L zsh
      local event=$1
      shift
      { "$_wk_hook" --shell $event --type zsh --pid $$ "$@" } </dev/null >/dev/null 2>&1 || :
    }
    _wk_end() {
      local code=$?
      # A subshell's end is not the shell's.
      if [[ "${ZSH_SUBSHELL:-0}" == 0 ]]; then _wk_tell end --code $code; fi
    }
    typeset -ga zshexit_functions
    zshexit_functions+=(_wk_end)
    # Not waited for, and no job that anybody sees: a shell's start has time for a fork, no more.
    "$_wk_hook" --shell start --type zsh --pid $$ </dev/null >/dev/null 2>&1 &!
@COMMANDS@  fi
fi
