# shellcheck shell=bash
# Configuring and compiling. Sourced by ./dev, which sets the variables.
# shellcheck disable=SC2154

configure() {
  local preset=$1 tree=build/$1
  if ! grep -qsxF "CMAKE_PREFIX_PATH:UNINITIALIZED=$prefix" "$tree/CMakeCache.txt" || [[ ! -f $tree/build.ninja ]]; then
    mkdir -p "$logs"
    cmake --preset "$preset" -DCMAKE_PREFIX_PATH="$prefix" >"$logs/configure-$preset.log" 2>&1 || {
      cat "$logs/configure-$preset.log" >&2
      die "nothing was built: CMake failed for the preset $preset"
    }
  fi
}

# compile PRESET [TARGET...]: one at a time in each tree, since a linker that sees objects change fails in odd ways.
compile() {
  local preset=$1 lock
  shift
  mkdir -p build
  exec {lock}>"build/$preset.lock"
  flock "$lock"
  configure "$preset"
  ninja -C "build/$preset" -j "$jobs" --quiet "$@"
  exec {lock}>&-
}

# build PRESET: sets up what is missing and builds all of it.
build() {
  local preset=$1 started=$SECONDS
  case $preset in
    release) setup ;;
    dev | asan | tsan) setup_tests ;;
    clang | fuzz)
      setup_tests
      setup_clang
      ;;
    *) die "there is no preset $preset: release, dev, asan, tsan, clang and fuzz are" ;;
  esac
  compile "$preset"
  say "build/$preset is up to date ($((SECONDS - started)) s)"
}

format_sources() {
  install_packages "${test_tools[@]}"
  cpp_sources | xargs -0 clang-format-19 -i
}

# Prints, NUL between, every C++ file that people write.
cpp_sources() {
  find src fuzz tests bench \( -name generated -o -name build \) -prune -o \
    \( -name '*.cc' -o -name '*.h' \) -print0
}
