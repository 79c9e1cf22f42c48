#include "server/api/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

#include "server/runtime/log.h"

namespace warren::api {

void RouteLibraryLogs() {
  gpr_set_log_function([](gpr_log_func_args* args) {
    // What gRPC calls an error is mostly one connection's; the broker's own errors are its end.
    const auto level = args->severity == GPR_LOG_SEVERITY_DEBUG ? runtime::LogLevel::kDebug
                       : args->severity == GPR_LOG_SEVERITY_INFO ? runtime::LogLevel::kInfo
                                                                 : runtime::LogLevel::kWarning;
    runtime::Log(runtime::LogCategory::kLibrary, level, "gRPC says",
                 {{"text", std::string(args->message)}});
  });
  // Malformed frames, which the client is told of. It must not be able to fill the log.
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel, const char*, int,
                                     const std::string& text) {
    runtime::Log(runtime::LogCategory::kLibrary, runtime::LogLevel::kDebug, "protobuf says",
                 {{"text", text}});
  });
}

}  // namespace warren::api
