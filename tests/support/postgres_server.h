// A PostgreSQL server of a test's own: made in a temporary folder, reached over a Unix socket
// there, stopped and removed afterwards, also when the test crashes.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace warren::testing {

struct PostgresServerOptions {
  // For postgresql.conf, such as "max_connections = 20". Without fsync unless it is asked for here:
  // processes are killed in tests, not the machine.
  std::vector<std::string> settings;
  // Lines of pg_hba.conf, before the one that lets everybody in over the socket.
  std::vector<std::string> access;
};

// Thread-compatible. Its superuser is "warren", without a password.
class PostgresServer {
 public:
  // Whether this machine has one, and if not, what to say when skipping a test.
  static bool Installed();
  static constexpr char kNotInstalled[] =
      "there is no PostgreSQL server here; deploy/install-dependencies.sh test installs it";

  // Makes a server and starts it.
  static absl::StatusOr<std::unique_ptr<PostgresServer>> Make(PostgresServerOptions options = {});
  // One that all tests of this process use, each with a database of its own.
  // REQUIRES: Installed. Ends the test program if it can't be started.
  static PostgresServer& Shared();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Returns once it takes connections. REQUIRES: not running.
  absl::Status Start();
  // Ends connections and stops in an orderly way.
  void Stop();
  // Ends at once, with words for those who are connected; recovers at the next start.
  void StopImmediate();
  // SIGKILL to all its processes, as when the machine dies; it recovers at the next start.
  void Kill();
  // SIGSTOP and SIGCONT to all its processes: connections stay, but there is no answer.
  void Freeze();
  void Thaw();
  bool running() const { return pid_ > 0; }

  // Makes an empty database and returns its URL. REQUIRES: running.
  std::string CreateDatabase(const std::string& options = "");
  // Of a database, for a role.
  std::string Url(const std::string& database, const std::string& role = "warren") const;
  // Runs statements as the superuser, in the database of the URL. The first column of the first row
  // of the last result, or "". REQUIRES: running; the statements work.
  static std::string Execute(const std::string& url, const std::string& sql);

 private:
  PostgresServer(PostgresServerOptions options, std::string folder);

  absl::Status Initialize();
  // A process that removes all if this one dies.
  absl::Status StartGuardian();
  absl::Status AwaitReady();
  // Of the server, those below it included.
  std::vector<pid_t> Processes() const;
  void Signal(int signal) const;
  void Reap();

  const PostgresServerOptions options_;
  const std::string folder_;
  pid_t pid_ = -1;
  pid_t guardian_ = -1;
  int guarded_ = -1;  // the guardian acts when this end of a pipe is closed
  int databases_ = 0;
};

}  // namespace warren::testing
