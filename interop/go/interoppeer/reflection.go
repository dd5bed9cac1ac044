package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	pb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// reflectedService is what every server of the cases must list.
const reflectedService = "grpc.testing.TestService"

// listServices asks a server for its services and for the files of each, as grpcurl does, and
// builds descriptors of what comes back.
func listServices(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := pb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	list := &pb.ServerReflectionRequest{
		MessageRequest: &pb.ServerReflectionRequest_ListServices{ListServices: ""},
	}
	answer, err := ask(stream, list)
	if err != nil {
		return err
	}
	files := &fileSet{stream: stream, byName: map[string]*descriptorpb.FileDescriptorProto{}}
	names := map[string]bool{}
	for _, service := range answer.GetListServicesResponse().GetService() {
		names[service.Name] = true
		if err := files.addSymbol(service.Name); err != nil {
			return fmt.Errorf("%s: %w", service.Name, err)
		}
	}
	if !names[reflectedService] {
		return fmt.Errorf("%s is not among the services listed: %v", reflectedService, names)
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return files.check(names)
}

func ask(stream pb.ServerReflection_ServerReflectionInfoClient, request *pb.ServerReflectionRequest) (*pb.ServerReflectionResponse, error) {
	if err := stream.Send(request); err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if fault := answer.GetErrorResponse(); fault != nil {
		return nil, fmt.Errorf("%v: %v: %s", request, fault.ErrorCode, fault.ErrorMessage)
	}
	return answer, nil
}

// fileSet collects files with all that they import.
type fileSet struct {
	stream pb.ServerReflection_ServerReflectionInfoClient
	byName map[string]*descriptorpb.FileDescriptorProto
}

func (f *fileSet) addSymbol(symbol string) error {
	return f.add(&pb.ServerReflectionRequest{
		MessageRequest: &pb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol},
	})
}

func (f *fileSet) add(request *pb.ServerReflectionRequest) error {
	answer, err := ask(f.stream, request)
	if err != nil {
		return err
	}
	var added []*descriptorpb.FileDescriptorProto
	for _, bytes := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(bytes, file); err != nil {
			return err
		}
		if f.byName[file.GetName()] == nil {
			f.byName[file.GetName()] = file
			added = append(added, file)
		}
	}
	for _, file := range added {
		for _, name := range file.Dependency {
			if f.byName[name] != nil {
				continue
			}
			if err := f.add(&pb.ServerReflectionRequest{
				MessageRequest: &pb.ServerReflectionRequest_FileByFilename{FileByFilename: name},
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// check links the files and finds every listed service in them, with its methods.
func (f *fileSet) check(names map[string]bool) error {
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range f.byName {
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return err
	}
	for name := range names {
		found, err := files.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		service, ok := found.(protoreflect.ServiceDescriptor)
		if !ok {
			return fmt.Errorf("%s is not a service", name)
		}
		if name == reflectedService && service.Methods().ByName("FullDuplexCall") == nil {
			return fmt.Errorf("%s has no FullDuplexCall", name)
		}
	}
	return nil
}
