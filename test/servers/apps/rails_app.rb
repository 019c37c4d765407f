# A Rails application with Doorkeeper in one file: ruby rails_app.rb PORT FOLDER
# Its settings are those of the documentation, with short lifetimes. The user is ada, lovelace.
port, folder = ARGV
ENV['RAILS_ENV'] = 'production'
LIFETIME = 3

require 'rails'
require 'active_record/railtie'
require 'action_controller/railtie'
require 'doorkeeper'

# Each request with its grant and the status of its answer, written before the answer leaves.
class WriteLog
  def initialize(app, file)
    @app = app
    @file = file
  end

  def call(env)
    answer = @app.call(env)
    request = Rack::Request.new(env)
    grant = request.path == '/oauth/token' ? request.params['grant_type'] : '-'
    File.write(@file, "#{env['REQUEST_METHOD']} #{env['PATH_INFO']} #{grant} #{answer[0]}\n", mode: 'a')
    answer
  end
end

class App < Rails::Application
  config.load_defaults 6.1
  config.eager_load = true
  config.secret_key_base = 'a key of a test'
  config.hosts.clear
  config.logger = Logger.new(IO::NULL)
end

ENV['DATABASE_URL'] = "sqlite3:#{folder}/db.sqlite3?timeout=60000&pool=16"
App.config.root = folder
App.config.middleware.insert_before 0, WriteLog, "#{folder}/requests.log"

class User < ActiveRecord::Base; end

Doorkeeper.configure do
  orm :active_record
  resource_owner_from_credentials do
    User.find_by(name: params[:username]) if params[:password] == 'lovelace'
  end
  grant_flows %w[password]
  use_refresh_token
  access_token_expires_in LIFETIME.seconds
  skip_client_authentication_for_password_grant true if respond_to?(:skip_client_authentication_for_password_grant)
end

App.initialize!

class OrdersController < ActionController::API
  before_action :doorkeeper_authorize!

  def index
    render json: { customer: User.find(doorkeeper_token.resource_owner_id).name }
  end
end

App.routes.draw do
  use_doorkeeper
  get '/orders', to: 'orders#index'
end

unless ActiveRecord::Base.connection.table_exists?(:users)
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Schema.define do
    create_table(:users) { |t| t.string :name }
    create_table :oauth_applications do |t|
      t.string :name, :uid, :secret, null: false
      t.text :redirect_uri
      t.string :scopes, null: false, default: ''
      t.boolean :confidential, null: false, default: true
      t.timestamps null: false
    end
    create_table :oauth_access_tokens do |t|
      t.references :resource_owner
      t.references :application, null: false
      t.string :token, null: false, index: { unique: true }
      t.string :refresh_token, index: { unique: true }
      t.integer :expires_in
      t.datetime :revoked_at
      t.datetime :created_at, null: false
      t.string :scopes
      t.string :previous_refresh_token, null: false, default: ''
    end
  end
  User.create!(name: 'ada')
  Doorkeeper::Application.create!(name: 'shop', uid: 'spa', confidential: false, redirect_uri: 'https://shop.example.com/')
end

require 'puma'
server = Puma::Server.new(App, Puma::Events.strings, max_threads: 8)
server.add_tcp_listener('127.0.0.1', port.to_i)
server.run.join
