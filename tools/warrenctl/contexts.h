// Contexts: named sets of global options, so that nobody types addresses and users again and again.
//
// ~/.config/warrenctl.yaml, or what --contexts or WARRENCTL_CONTEXTS names:
//
//   current: test                   # counts without --context and WARRENCTL_CONTEXT
//   contexts:
//     test: {address: 127.0.0.1:7171}
//     production:
//       address: warren.example:7171
//       tls-ca: /etc/ssl/warren.pem
//       user: operations
//       password-file: /home/me/.warren-password
//
// The names are those of the global options. A flag or environment variable counts over a context.
#pragma once

#include <CLI/CLI.hpp>

#include "absl/status/status.h"

namespace warren::tools {

// --context and --contexts.
void AddContextFlags(CLI::App& app);

// Makes the options of the chosen context the defaults of `app`'s. Call before it parses the same
// line. INVALID_ARGUMENT names the file and what is wrong in it, or the context that isn't there.
absl::Status ApplyContext(CLI::App& app, int argc, const char* const* argv);

}  // namespace warren::tools
