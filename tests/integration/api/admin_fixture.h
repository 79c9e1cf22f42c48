// A broker and a client of its AdminService.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/api/broker_fixture.h"
#include "warren/v1/admin.grpc.pb.h"

namespace warren::testing {

class AdminTest : public BrokerFixture {
 protected:
  void StartAll() {
    Start();
    admin_ = v1::AdminService::NewStub(NewChannel());
  }

  template <typename Request, typename Response>
  using Method = grpc::Status (v1::AdminService::Stub::*)(grpc::ClientContext*, const Request&,
                                                          Response*);

  template <typename Request, typename Response>
  Response Ask(Method<Request, Response> method, const Request& request) {
    Response response;
    const grpc::Status status = (admin_.get()->*method)(Context().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  template <typename Request, typename Response>
  grpc::Status Fail(Method<Request, Response> method, const Request& request) {
    Response response;
    grpc::Status status = (admin_.get()->*method)(Context().get(), request, &response);
    EXPECT_FALSE(status.ok()) << response.ShortDebugString();
    return status;
  }

  void PublishDelayed(const std::string& queue, const std::string& id, int64_t seconds) {
    v1::PublishRequest request;
    v1::Publication publication = MakePublication(queue, "later-" + id, true);
    publication.mutable_message()->set_message_id(id);
    publication.mutable_delay()->set_seconds(seconds);
    *request.add_publications() = publication;
    v1::PublishResponse response;
    ASSERT_TRUE(stub().Publish(Context().get(), request, &response).ok());
  }

  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace warren::testing
