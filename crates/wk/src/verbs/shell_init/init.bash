# Watchkeeper: this shell is a session. Written by `wk shell-init bash`.
# Nothing here may disturb the shell, not even under `set -eu`.
case ${BASH_VERSION:+$-} in *i*)
  _wk_hook=@WK_HOOK@
  if [ "${_wk_shell-}" != "$$" ] && [ -x "$_wk_hook" ]; then
    _wk_shell=$$
    _wk_tell() {
      { "$_wk_hook" --shell "$1" --type bash --pid "$$" "${@:2}"; } </dev/null >/dev/null 2>&1 || :
    }
    _wk_end() {
      local code=$?
      # A subshell's end is not the shell's.
      if [ "${BASHPID:-$$}" = "$$" ]; then _wk_tell end --code "$code"; fi
      # Under `set -e` the code that is handed on would end the trap before its time.
      case $- in *e*) set +e ;; esac
      return "$code"
    }
    # A trap that is there already goes on working, with the code that it expects. It is asked for
    # through a pipe, where that works: a subshell would cost as much as all the rest.
    _wk_trap=
    if [ "${BASH_VERSINFO[0]}" -ge 5 ]; then
      {
        exec {_wk_pipe}<<<'' && { trap -p EXIT; echo .; } >"/dev/fd/$_wk_pipe" &&
          IFS= read -r -t 1 -d '' -u "$_wk_pipe" _wk_trap || :
        exec {_wk_pipe}<&- || :
      } 2>/dev/null
      unset -v _wk_pipe
    fi
    case $_wk_trap in
    *.$'\n') _wk_trap=${_wk_trap%.$'\n'} _wk_trap=${_wk_trap#$'\n'} _wk_trap=${_wk_trap%$'\n'} ;;
    *) _wk_trap=$(trap -p EXIT) || : ;;
    esac
    case $_wk_trap in
    "trap -- "*" EXIT")
      _wk_trap=${_wk_trap#trap -- }
      eval "_wk_trap=${_wk_trap% EXIT}"
      # So POSIX mode says that there is none.
      if [ "$_wk_trap" = - ]; then _wk_trap=; fi
      ;;
    *) _wk_trap= ;;
    esac
    trap -- "_wk_end
$_wk_trap" EXIT
    unset -v _wk_trap
    # Not waited for, and no job that anybody sees: a shell's start has time for a fork, no more.
    { "$_wk_hook" --shell start --type bash --pid "$$" & disown; } </dev/null >/dev/null 2>&1 || :
@COMMANDS@  fi ;;
esac
