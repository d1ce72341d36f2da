    # Each command, once it has ended.
    zmodload zsh/datetime 2>/dev/null || :
    _wk_began= _wk_line=
    _wk_begins() {
      _wk_began=${EPOCHREALTIME-} _wk_line=$1
    }
    _wk_ended() {
      local code=$?
      if [[ -n "$_wk_began" ]]; then
        local -i took=$(( (EPOCHREALTIME - _wk_began) * 1000 ))
        local -a told
        # What began with a space is nobody's business.
        if [[ -n "$_wk_line" && "$_wk_line" != ' '* ]]; then told=(--command "$_wk_line"); fi
        _wk_began= _wk_line=
        _wk_tell command --code $code --duration $took "${told[@]}"
      fi
      return $code
    }
    typeset -ga preexec_functions precmd_functions
    preexec_functions+=(_wk_begins)
    # First, since it needs the command's code.
    precmd_functions=(_wk_ended "${precmd_functions[@]}")
