    # Each command, once it has ended. Needs EPOCHREALTIME: bash 5.0.
    _wk_none= _wk_began= _wk_number=
    _wk_ended() {
      local code=$?
      if [ -n "$_wk_began" ]; then
        local took=$(( (${EPOCHREALTIME//[^0-9]/} - _wk_began) / 1000 )) last number
        _wk_began=
        last=$(HISTTIMEFORMAT= builtin history 1 2>/dev/null) || :
        last=${last#"${last%%[! ]*}"}
        number=${last%%[!0-9]*}
        # After the number there is a mark and a space.
        last=${last#"$number"} last=${last:2}
        # What does not come into the history, or began with a space, is nobody's business.
        set --
        if [ -n "$number" ] && [ "$number" != "$_wk_number" ]; then
          _wk_number=$number
          case $last in ' '*) ;; *) set -- --command "$last" ;; esac
        fi
        _wk_tell command --code "$code" --duration "$took" "$@"
      fi
      return "$code"
    }
    if [ -n "${EPOCHREALTIME-}" ]; then
      _wk_number=$(HISTTIMEFORMAT= builtin history 1 2>/dev/null) || :
      _wk_number=${_wk_number#"${_wk_number%%[! ]*}"}
      _wk_number=${_wk_number%%[!0-9]*}
      # No `!` in it: in POSIX mode a prompt shows the history's number there.
      PS0=${PS0-}'${_wk_none:$((_wk_began=${EPOCHREALTIME//[^0-9]/})):0}'
      # First, since it needs the command's code; the others get it just the same.
      PROMPT_COMMAND="_wk_ended${PROMPT_COMMAND:+
$PROMPT_COMMAND}"
    fi
