"""Users that the API makes: who may, what is refused, what counts when, and what a crash leaves."""

from __future__ import annotations

from typing import Any, Callable, Optional

import grpc
import pytest
import warren
from secured import EVERYTHING, PASSWORD, audit, basic, password_hash, user, write_users
from storages import Storage
from warren import errors
from warren._proto import admin_pb2 as pb
from warren_process import WarrenProcess
from wire import Failure, failure

SERVICE = pb.DESCRIPTOR.services_by_name["AdminService"]


class Admin:
    """Calls of AdminService; failures come back as values."""

    def __init__(self, broker: WarrenProcess, who: Optional[str] = None, password: str = PASSWORD):
        self._channel = grpc.insecure_channel(broker.grpc, (("grpc.use_local_subchannel_pool", 1),))
        self._metadata = () if who is None else (basic(who, password),)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        described = SERVICE.methods_by_name[method]
        request = getattr(pb, described.input_type.name)
        answer = getattr(pb, described.output_type.name)
        made = self._channel.unary_unary(
            f"/{SERVICE.full_name}/{method}", request.SerializeToString, answer.FromString
        )

        def call(**fields: Any) -> Any:
            try:
                return made(request(**fields), timeout=30, metadata=self._metadata)
            except grpc.RpcError as error:
                return failure(errors.from_rpc_error(error))

        return call

    def must(self, method: str, **fields: Any) -> Any:
        answer = getattr(self, method)(**fields)
        assert not isinstance(answer, Failure), answer
        return answer

    def refused(self, method: str, **fields: Any) -> Failure:
        answer = getattr(self, method)(**fields)
        assert isinstance(answer, Failure), f"{method} succeeded: {answer}"
        return answer

    def users(self) -> dict[str, pb.User]:
        found: dict[str, pb.User] = {}
        token = ""
        while True:
            page = self.must("ListUsers", page_size=2, page_token=token)
            assert len(page.users) <= 2
            found |= {made.name: made for made in page.users}
            token = page.next_page_token
            if not token:
                assert list(found) == sorted(found)
                return found


def make_first(broker: WarrenProcess) -> Admin:
    """The first user closes the door behind them."""
    Admin(broker).must("PutUser", name="root", password=PASSWORD, tags=["administrator"])
    admin = Admin(broker, "root")
    admin.must("SetPermissions", user="root", permissions=EVERYTHING)
    return admin


def test_the_first_user_closes_the_door_and_stays_after_a_crash(
    new_broker: Callable[..., WarrenProcess], durable_storage: Storage
) -> None:
    broker = new_broker(durable_storage, "--drain-timeout=0s").start()
    anybody = Admin(broker)
    refusal = anybody.refused("PutUser", name="anna", password=PASSWORD, tags=["monitoring"])
    refusal.must_be("FAILED_PRECONDITION", "LAST_ADMINISTRATOR", "anna", "administrator")
    refusal = anybody.refused("PutUser", name="anna", tags=["administrator"])
    refusal.must_be("FAILED_PRECONDITION", "LAST_ADMINISTRATOR", "anna")
    assert anybody.users() == {}
    with warren.connect(broker.grpc) as connection:
        connection.declare_queue("q", durable=True)
        consumer = connection.consume("q")
        make_first(broker)
        with pytest.raises(warren.WarrenError) as ended:  # a stream from before there were users
            for _ in consumer:
                pass
        assert ended.value.reason in ("LOGIN_ENDED", "CREDENTIALS_MISSING")
    assert anybody.refused("ListUsers").reason == "CREDENTIALS_MISSING"
    broker.kill()
    broker.start()
    assert Admin(broker).refused("ListUsers").reason == "CREDENTIALS_MISSING"
    assert Admin(broker, "root", "wrong").refused("ListUsers").reason == "LOGIN_REFUSED"
    [root] = Admin(broker, "root").users().values()
    assert root.has_password and not root.configured and list(root.tags) == ["administrator"]
    assert root.permissions["/"].read == ".*"


def test_what_changes_counts_for_the_next_call(new_broker: Callable[..., WarrenProcess]) -> None:
    broker = new_broker("memory:", "--drain-timeout=0s").start()
    admin = make_first(broker)
    admin.must("PutUser", name="anna", password="erstes", tags=["a tag of her own"])
    with pytest.raises(warren.WarrenError) as denied:
        warren.connect(broker.grpc, user="anna", password="erstes").declare_queue("q")
    assert denied.value.reason == "ACCESS_REFUSED"
    admin.must("SetPermissions", user="anna", virtual_host="", permissions=EVERYTHING)
    with warren.connect(broker.grpc, user="anna", password="erstes") as connection:
        connection.declare_queue("q")
        admin.must("SetPermissions", user="anna", permissions={"configure": "^own"})
        with pytest.raises(warren.WarrenError) as denied:
            connection.declare_queue("other")
        assert denied.value.reason == "ACCESS_REFUSED" and "AdminService" in str(denied.value)
        admin.must("PutUser", name="anna", password_hash=password_hash("zweites"))
        with pytest.raises(warren.WarrenError):
            connection.declare_queue("own")
    with warren.connect(broker.grpc, user="anna", password="zweites") as connection:
        connection.declare_queue("own")
        admin.must("ClearPermissions", user="anna")
        with pytest.raises(warren.WarrenError):
            connection.declare_queue("own")
    assert admin.users()["anna"].permissions == {}
    admin.must("DeleteUser", name="anna")
    assert Admin(broker, "anna", "zweites").refused("GetOverview").reason == "LOGIN_REFUSED"
    admin.must("DeleteUser", name="anna")
    lines = audit(broker, "user put", name="anna", by="root")
    assert len(lines) == 2 and all(line["result"] == "OK" for line in lines)
    assert audit(broker, "permissions cleared", name="anna", by="root")
    output = "\n".join(broker.output)
    assert "zweites" not in output and "$argon2" not in output


def test_only_administrators_and_never_the_last_one(
    new_broker: Callable[..., WarrenProcess],
) -> None:
    broker = new_broker("memory:", "--drain-timeout=0s").start()
    admin = make_first(broker)
    admin.must("PutUser", name="anna", password=PASSWORD, tags=["monitoring", "policymaker"])
    anna = Admin(broker, "anna")
    for method, fields in (
        ("ListUsers", {}),
        ("PutUser", {"name": "anna", "password": "x", "tags": ["administrator"]}),
        ("PutUser", {"name": "root", "password": ""}),
        ("DeleteUser", {"name": "root"}),
        ("SetPermissions", {"user": "anna", "permissions": EVERYTHING}),
        ("ClearPermissions", {"user": "root"}),
        ("DeleteVirtualHost", {"name": "/"}),
        ("SetVirtualHostLimits", {"virtual_host": "/"}),
    ):
        refusal = anna.refused(method, **fields)
        assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "ACCESS_REFUSED"), method
    for method, fields in (
        ("DeleteUser", {"name": "root"}),
        ("PutUser", {"name": "root"}),
        ("PutUser", {"name": "root", "password_hash": "", "tags": ["administrator"]}),
    ):
        refusal = admin.refused(method, **fields)
        refusal.must_be("FAILED_PRECONDITION", "LAST_ADMINISTRATOR", "root", "first make")
    admin.must("PutUser", name="anna", tags=["administrator"])
    admin.must("DeleteUser", name="root")
    assert list(Admin(broker, "anna").users()) == ["anna"]


def test_policies_are_set_by_who_may_in_the_virtual_hosts_that_they_may_enter(
    new_broker: Callable[..., WarrenProcess],
) -> None:
    broker = new_broker("memory:", "--drain-timeout=0s").start()
    admin = make_first(broker)
    admin.must("CreateVirtualHost", name="shop")
    for name, tags in (("maker", ["policymaker"]), ("watcher", ["monitoring", "management"])):
        admin.must("PutUser", name=name, password=PASSWORD, tags=tags)
        admin.must("SetPermissions", user=name, permissions={})  # enters "/", and no more
    short = {"name": "short", "pattern": ".*", "queue_options": {"max_length": 1}}
    maker, watcher = Admin(broker, "maker"), Admin(broker, "watcher")
    maker.must("PutPolicy", policy=short)
    for who, method, fields in (
        (maker, "PutPolicy", {"policy": short | {"virtual_host": "shop"}}),
        (maker, "DeletePolicy", {"name": "short", "virtual_host": "shop"}),
        (maker, "ListPolicies", {"virtual_host": "shop"}),
        (watcher, "PutPolicy", {"policy": short}),
        (watcher, "DeletePolicy", {"name": "short"}),
    ):
        refusal = who.refused(method, **fields)
        assert (refusal.code, refusal.reason) == ("PERMISSION_DENIED", "ACCESS_REFUSED"), method
    admin.must("PutPolicy", policy=short | {"virtual_host": "shop"})
    assert len(watcher.must("ListPolicies").policies) == 2  # monitoring sees all hosts
    assert len(maker.must("ListPolicies").policies) == 1
    maker.must("DeletePolicy", name="short")
    broker.kill()


def test_users_of_the_file_win_and_stay_as_they_are(
    new_broker: Callable[..., WarrenProcess], durable_storage: Storage, tmp_path: Any
) -> None:
    root = user() | {"tags": ["administrator"]}
    users = write_users(tmp_path / "users.yaml", root=root)
    broker = new_broker(durable_storage, f"--users={users}", "--drain-timeout=0s").start()
    admin = Admin(broker, "root")
    admin.must("PutUser", name="anna", password="stored", certificates=["cn:anna"])
    for method, fields in (
        ("PutUser", {"name": "root", "password": "x", "tags": ["administrator"]}),
        ("DeleteUser", {"name": "root"}),
        ("SetPermissions", {"user": "root", "permissions": EVERYTHING}),
        ("ClearPermissions", {"user": "root"}),
    ):
        refusal = admin.refused(method, **fields)
        refusal.must_be("FAILED_PRECONDITION", "USER_IS_CONFIGURED", "root", "auth.users")
    refusal = admin.refused("PutUser", name="bert", certificates=["cn:anna"])
    refusal.must_be("FAILED_PRECONDITION", "CERTIFICATE_IN_USE", "anna")
    assert {name: made.configured for name, made in admin.users().items()} == {
        "anna": False, "root": True}  # fmt: skip
    broker.kill()
    write_users(tmp_path / "users.yaml", root=root, anna=user())
    broker.start()
    admin = Admin(broker, "root")
    assert admin.users()["anna"].configured
    assert Admin(broker, "anna", "stored").refused("GetOverview").reason == "LOGIN_REFUSED"
    Admin(broker, "anna").must("GetOverview")


BOMBS = ("((((a{100}){100}){100}){100})", "(" * 1000, "(?=a)", "a" * 5000)


def test_what_makes_no_user_is_refused(new_broker: Callable[..., WarrenProcess]) -> None:
    broker = new_broker("memory:", "--drain-timeout=0s").start()
    admin = make_first(broker)
    for fields, reason in (
        ({"name": ""}, "NAME_INVALID"),
        ({"name": "a" * 256}, "NAME_INVALID"),
        ({"name": "a:b"}, "NAME_INVALID"),
        ({"name": "a", "password": ""}, "PASSWORD_INVALID"),
        ({"name": "a", "password": "p" * 1025}, "PASSWORD_INVALID"),
        ({"name": "a", "password_hash": "plain"}, "USER_INVALID"),
        ({"name": "a", "password_hash": "$argon2id$v=19$m=99999999,t=2,p=1$AA$AA"}, "USER_INVALID"),
        ({"name": "a", "certificates": ["anna"]}, "USER_INVALID"),
        ({"name": "a", "certificates": ["cn:x"] * 101}, "CERTIFICATE_INVALID"),
        ({"name": "a", "tags": ["t" * 256]}, "TAG_INVALID"),
        ({"name": "a", "tags": ["t"] * 101}, "TAG_INVALID"),
    ):
        refusal = admin.refused("PutUser", **fields)
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", reason), fields
    for bomb in BOMBS:
        refusal = admin.refused("SetPermissions", user="root", permissions={"read": bomb})
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "PATTERN_INVALID"), bomb
    refusal = admin.refused("SetPermissions", user="nobody", permissions=EVERYTHING)
    refusal.must_be("NOT_FOUND", "USER_NOT_FOUND", "nobody")
    refusal = admin.refused("SetPermissions", user="root", virtual_host="absent")
    refusal.must_be("NOT_FOUND", "VIRTUAL_HOST_NOT_FOUND", "absent")
    assert list(admin.users()) == ["root"]


def test_a_deleted_virtual_host_takes_all_along(
    new_broker: Callable[..., WarrenProcess], durable_storage: Storage
) -> None:
    broker = new_broker(durable_storage, "--drain-timeout=0s").start()
    admin = make_first(broker)
    admin.must("CreateVirtualHost", name="shop")
    admin.must("SetPermissions", user="root", virtual_host="shop", permissions=EVERYTHING)
    login = {"user": "root", "password": PASSWORD}
    with warren.connect(broker.grpc, virtual_host="shop", **login) as shop:
        for number in range(1_500):  # more than one turn removes
            shop.declare_queue(f"q{number}", durable=True)
            shop.publish("", f"q{number}", b"x")
        admin.must("DeleteVirtualHost", name="shop")
    assert [host.name for host in admin.must("ListVirtualHosts").virtual_hosts] == ["/"]
    assert admin.must("GetOverview").queues == 0
    assert list(admin.users()["root"].permissions) == ["/"]
    broker.kill()
    broker.start()
    admin = Admin(broker, "root")
    assert [host.name for host in admin.must("ListVirtualHosts").virtual_hosts] == ["/"]
    admin.refused("DeleteVirtualHost", name="/").must_be("PERMISSION_DENIED", "NAME_RESERVED", "/")
    admin.must("DeleteVirtualHost", name="shop")
    assert audit(broker, "virtual host deleted", name="shop", by="root")
