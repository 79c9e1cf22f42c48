#include "tests/support/postgres_server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

namespace warren::testing {
namespace {

namespace fs = std::filesystem;
constexpr std::chrono::seconds kPatience{60};

// The folder with the server's programs; "" if there is none.
std::string ProgramsIn(const fs::path& versions) {
  int newest = 0;
  std::error_code error;
  for (const auto& version : fs::directory_iterator(versions, error)) {
    if (access((version.path() / "bin/initdb").c_str(), X_OK) == 0) {
      newest = std::max(newest, atoi(version.path().filename().c_str()));
    }
  }
  return newest == 0 ? "" : (versions / std::to_string(newest) / "bin").string();
}

// $WARREN_POSTGRES_BIN, or where Debian has them.
const std::string& Programs() {
  static const std::string programs = [] {
    const char* chosen = std::getenv("WARREN_POSTGRES_BIN");
    return chosen != nullptr ? std::string(chosen) : ProgramsIn("/usr/lib/postgresql");
  }();
  return programs;
}

// The server refuses to run as root; then it runs as another user.
const passwd* User() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  return user != nullptr ? user : getpwnam("nobody");
}

struct Child {
  std::vector<std::string> command;
  int standard_input = -1;  // -1: /dev/null
  std::string log;
  bool session = false;  // of its own, so that keys pressed at the terminal don't reach it
};

absl::StatusOr<pid_t> StartChild(const Child& child) {
  std::vector<char*> arguments;
  for (const std::string& word : child.command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  const passwd* const user = User();
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid > 0) return pid;

  const int log = open(child.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int in = child.standard_input >= 0 ? child.standard_input : open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  if (child.session) setsid();
  if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
  if (chdir("/") != 0) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

int WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Append(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream file(path, std::ios::app);
  for (const std::string& line : lines) file << line << '\n';
}

std::string PercentEncoded(const std::string& path) {
  std::string encoded;
  for (const char c : path) encoded += c == '/' ? std::string("%2F") : std::string(1, c);
  return encoded;
}

}  // namespace

bool PostgresServer::Installed() { return !Programs().empty(); }

PostgresServer::PostgresServer(PostgresServerOptions options, std::string folder)
    : options_(std::move(options)), folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<PostgresServer>> PostgresServer::Make(
    PostgresServerOptions options) {
  // Short, since a socket's path has at most 107 bytes.
  std::string folder = "/tmp/warren-pg-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return absl::ErrnoToStatus(errno, "mkdtemp " + folder);
  std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(options), folder));
  absl::Status status = server->StartGuardian();
  if (status.ok()) status = server->Initialize();
  if (status.ok()) status = server->Start();
  if (!status.ok()) return status;
  return server;
}

PostgresServer& PostgresServer::Shared() {
  static const std::unique_ptr<PostgresServer> shared = [] {
    auto server = Make();
    if (!server.ok()) {
      fprintf(stderr, "no PostgreSQL server: %s\n", server.status().ToString().c_str());
      abort();
    }
    return *std::move(server);
  }();
  return *shared;
}

PostgresServer::~PostgresServer() {
  if (running()) StopImmediate();
  if (guarded_ >= 0) close(guarded_);
  if (guardian_ > 0) WaitFor(guardian_);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

absl::Status PostgresServer::StartGuardian() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const std::string script = "read -r end; \"$0/pg_ctl\" stop -s -w -m immediate -D \"$1/data\"; "
                             "rm -rf \"$1\"";
  if (const passwd* const user = User(); user != nullptr) {
    if (chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::ErrnoToStatus(errno, "chown " + folder_);
    }
  }
  const auto pid = StartChild({.command = {"/bin/sh", "-c", script, Programs(), folder_},
                               .standard_input = ends[0],
                               .log = "/dev/null",
                               .session = true});
  close(ends[0]);
  guarded_ = ends[1];
  if (!pid.ok()) return pid.status();
  guardian_ = *pid;
  return absl::OkStatus();
}

absl::Status PostgresServer::Initialize() {
  const std::string log = folder_ + "/initdb.log";
  const std::string data = folder_ + "/data";
  const auto pid = StartChild({.command = {Programs() + "/initdb", "--pgdata=" + data,
                                           "--username=warren", "--auth=trust", "--encoding=UTF8",
                                           "--locale=C", "--wal-segsize=4", "--no-sync"},
                               .log = log});
  if (!pid.ok()) return pid.status();
  if (WaitFor(*pid) != 0) return absl::InternalError("initdb failed: " + ReadFile(log));
  Append(data + "/postgresql.conf",
         {"listen_addresses = ''", "unix_socket_directories = '" + folder_ + "'", "fsync = off",
          "shared_buffers = 32MB", "max_wal_size = 256MB"});
  Append(data + "/postgresql.conf", options_.settings);
  std::vector<std::string> access = options_.access;
  access.push_back("local all all trust");
  fs::resize_file(data + "/pg_hba.conf", 0);
  Append(data + "/pg_hba.conf", access);
  return absl::OkStatus();
}

absl::Status PostgresServer::Start() {
  const auto pid = StartChild(
      {.command = {Programs() + "/postgres", "-D", folder_ + "/data"}, .log = folder_ + "/log"});
  if (!pid.ok()) return pid.status();
  pid_ = *pid;
  absl::Status ready = AwaitReady();
  if (!ready.ok() && running()) Kill();
  return ready;
}

absl::Status PostgresServer::AwaitReady() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const std::string probe = "host=" + folder_ + " user=warren dbname=postgres";
  while (std::chrono::steady_clock::now() < deadline) {
    if (PQping(probe.c_str()) == PQPING_OK) return absl::OkStatus();
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return absl::UnavailableError("the server ended: " + ReadFile(folder_ + "/log"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return absl::DeadlineExceededError("the server doesn't start: " + ReadFile(folder_ + "/log"));
}

void PostgresServer::Stop() {
  kill(pid_, SIGINT);
  Reap();
}

void PostgresServer::StopImmediate() {
  Thaw();
  kill(pid_, SIGQUIT);
  Reap();
}

void PostgresServer::Kill() {
  Signal(SIGSTOP);  // so that none is started meanwhile
  const std::vector<pid_t> processes = Processes();
  for (const pid_t process : processes) kill(process, SIGKILL);
  Reap();
  // The others are somebody else's children by now. The next start takes their memory for that of a
  // running server until they are gone.
  for (const pid_t process : processes) {
    while (kill(process, 0) == 0 && ReadFile("/proc/" + std::to_string(process) + "/stat")
                                            .find(" Z ") == std::string::npos) {
      std::this_thread::yield();
    }
  }
}

void PostgresServer::Freeze() { Signal(SIGSTOP); }
void PostgresServer::Thaw() { Signal(SIGCONT); }

std::vector<pid_t> PostgresServer::Processes() const {
  std::vector<pid_t> processes{pid_};
  const std::string pid = std::to_string(pid_);
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  for (pid_t child; children >> child;) processes.push_back(child);
  return processes;
}

void PostgresServer::Signal(int signal) const {
  // The first one starts the others, so no more come once it has stopped.
  kill(pid_, signal);
  for (const pid_t process : Processes()) kill(process, signal);
}

void PostgresServer::Reap() { WaitFor(std::exchange(pid_, -1)); }

std::string PostgresServer::CreateDatabase(const std::string& options) {
  const std::string name = "t" + std::to_string(++databases_);
  Execute(Url("postgres"), "CREATE DATABASE " + name + " " + options);
  return Url(name);
}

std::string PostgresServer::Url(const std::string& database, const std::string& role) const {
  return "postgres://" + role + "@" + PercentEncoded(folder_) + "/" + database;
}

std::string PostgresServer::Execute(const std::string& url, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()),
                                                                &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(
      PQexec(connection.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    fprintf(stderr, "%s\n%s\n", sql.c_str(), PQerrorMessage(connection.get()));
    abort();
  }
  return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace warren::testing
