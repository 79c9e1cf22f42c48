// AdminService over a connection, for tools of operators.
//
//   Admin admin(*connection);
//   auto overview = admin.Call(&Admin::Stub::GetOverview, v1::GetOverviewRequest());
//
// Requests and responses are the API's own (proto/warren/v1/admin.proto documents fields, errors and
// what a call takes). Errors as those of Connection.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "warren/client/connection.h"
#include "warren/v1/admin.grpc.pb.h"

namespace warren::client {

// Thread-safe. The connection must outlive it.
class Admin {
 public:
  using Stub = v1::AdminService::Stub;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  explicit Admin(Connection& connection);

  // Blocks for up to the connection's call_timeout.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    Prepare(context);
    Response response;
    absl::Status status = ToStatus((stub_.*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // All pages of a list, one after the other; `each` gets the responses. Ends at the first error.
  template <typename Request, typename Response, typename Each>
  absl::Status ForEachPage(Method<Request, Response> method, Request request, Each each) {
    do {
      absl::StatusOr<Response> page = Call(method, request);
      if (!page.ok()) return page.status();
      request.set_page_token(page->next_page_token());
      each(*std::move(page));
    } while (!request.page_token().empty());
    return absl::OkStatus();
  }

 private:
  void Prepare(grpc::ClientContext& context) const;
  static absl::Status ToStatus(const grpc::Status& status);

  Connection& connection_;
  Stub stub_;
};

}  // namespace warren::client
