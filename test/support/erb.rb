# Renders the templates of a BOSH job as a director does: reads {job, properties, links, spec} as JSON
# from standard input, and prints {files, used, error} as JSON.
#
# Undeclared properties do not arrive, declared ones have their defaults, else nil.
require 'erb'
require 'json'
require 'ostruct'
require 'yaml'

class UnknownProperty < StandardError
  def initialize(names) = super("Can't find property '#{names.inspect}'")
end

class UnknownLink < StandardError
  def initialize(name) = super("Can't find link '#{name}'")
end

module Lookup
  NONE = Object.new

  def p(names, default = NONE)
    names = [names].flatten
    names.each do |name|
      value = lookup(name)
      return value unless value.nil?
    end
    raise UnknownProperty, names if default.equal?(NONE)
    default
  end

  def if_p(*names)
    values = names.map { |name| lookup(name) }
    return ActiveElse.new(@context || self) if values.any?(&:nil?)
    yield(*values)
    InactiveElse.new
  end

  def lookup(name)
    @used << name if @used
    name.split('.').reduce(@raw) { |place, key| place.is_a?(Hash) ? place[key] : nil }
  end
end

class ActiveElse
  def initialize(context) = @context = context
  def else = yield
  def else_if_p(*names, &block) = @context.if_p(*names, &block)
  def else_if_link(name, &block) = @context.if_link(name, &block)
end

class InactiveElse
  def else = nil
  def else_if_p(*) = self
  def else_if_link(*) = self
end

class Link
  include Lookup
  attr_reader :instances, :properties

  def initialize(link, context)
    @context = context
    @raw = link['properties'] || {}
    @properties = @raw
    @instances = link['instances'].map { |instance| OpenStruct.new(instance) }
  end
end

class Context
  include Lookup
  attr_reader :spec, :used

  def initialize(raw, links, spec)
    @raw, @links = raw, links
    @used = []
    @spec = OpenStruct.new(spec)
  end

  def name = spec.name
  def index = spec.index
  def properties = JSON.parse(@raw.to_json, object_class: OpenStruct)

  def link(name)
    link = @links[name]
    raise UnknownLink, name if link.nil? || link['instances'].empty?
    Link.new(link, self)
  end

  def if_link(name)
    link = @links[name]
    return ActiveElse.new(self) if link.nil? || link['instances'].empty?
    yield Link.new(link, self)
    InactiveElse.new
  end

  def get_binding = binding
end

input = JSON.parse($stdin.read)
job = input['job']
declared = YAML.safe_load(File.read("#{job}/spec"))
raw = {}
(declared['properties'] || {}).each do |name, definition|
  *sections, last = name.split('.')
  given = name.split('.').reduce(input['properties']) { |place, key| place.is_a?(Hash) ? place[key] : nil }
  place = sections.reduce(raw) { |section, key| section[key] ||= {} }
  place[last] = given.nil? ? definition['default'] : given
end
consumed = (declared['consumes'] || []).map { |one| one['name'] }
links = input['links'].slice(*consumed)
spec = { 'name' => declared['name'] }.merge(input['spec'])
files, errors, used = {}, [], []
declared['templates'].merge('../monit' => 'monit').each do |source, destination|
  context = Context.new(raw, links, spec)
  template = ERB.new(File.read("#{job}/templates/#{source}"), trim_mode: '-')
  template.filename = source
  begin
    files[destination] = template.result(context.get_binding)
  rescue StandardError => error
    line = error.backtrace_locations&.find { |one| one.path == source }&.lineno
    errors << "- Error filling in template '#{source}' (line #{line}: #{error.message})"
  end
  used.concat(context.used)
end
unless errors.empty?
  message = "Unable to render templates for job '#{declared['name']}'. Errors are:\n#{errors.join("\n")}"
end
puts JSON.generate({ files: files, used: used.uniq, declared: (declared['properties'] || {}).keys, error: message })
